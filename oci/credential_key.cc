#include "oci/credential_key.h"

namespace oci {

std::vector<std::string> credential_keys(const std::string& host) {
  if (host == kDockerHub) return {"https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io"};
  return {host};
}

std::string credential_host(std::string_view key) {
  for (std::string_view scheme : {"https://", "http://"}) {
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  }
  return std::string(key.substr(0, key.find('/')));
}

std::string credential_helper(const std::map<std::string, std::string>& cred_helpers, const std::string& creds_store,
                              const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    if (auto found = cred_helpers.find(key); found != cred_helpers.end()) return found->second;
    if (auto found = cred_helpers.find(credential_host(key)); found != cred_helpers.end()) return found->second;
  }
  return creds_store;
}

}  // namespace oci
