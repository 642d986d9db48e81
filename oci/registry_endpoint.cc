#include "oci/registry_endpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "util/http_url.h"
#include "util/text.h"

namespace oci {
namespace {

constexpr std::chrono::seconds kConnectTimeout{10};

std::string without_port(const std::string& host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.rfind(':'));
}

bool listed_insecure(const std::string& host) {
  const char* list = std::getenv("BUILDER_INSECURE_REGISTRIES");
  for (const std::string& entry : util::split(list == nullptr ? "" : list, ',')) {
    std::string_view name = util::trim(entry);
    if (!name.empty() && (name == host || name == without_port(host))) return true;
  }
  return false;
}

/// First file with that ending.
std::string file_with_suffix(const std::filesystem::path& directory, std::string_view suffix) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    std::string name = entry.path().filename();
    if (name.ends_with(suffix)) found.push_back(entry.path());
  }
  return found.empty() ? std::string() : *std::min_element(found.begin(), found.end());
}

/// Time without a byte after which a transfer counts as dead.
std::chrono::seconds stall_timeout() {
  constexpr std::chrono::seconds kDefault{60};
  const char* text = std::getenv("BUILDER_REGISTRY_TIMEOUT");
  if (text == nullptr) return kDefault;
  std::string_view value(text);
  if (value.empty() || value.size() > 5 || value.find_first_not_of("0123456789") != value.npos) return kDefault;
  return std::max(std::chrono::seconds(std::stol(text)), std::chrono::seconds(1));
}

}  // namespace

RegistryEndpoint RegistryEndpoint::of(const std::string& host, const std::vector<std::filesystem::path>& certs_dirs) {
  bool docker_hub = host == "docker.io" || host == "index.docker.io" || host == "registry-1.docker.io";
  RegistryEndpoint endpoint;
  endpoint.name = docker_hub ? "docker.io" : host;
  endpoint.authority = docker_hub ? "registry-1.docker.io" : host;
  endpoint.scheme = "https";
  find_certificates(endpoint, endpoint.name, certs_dirs);
  if (listed_insecure(host)) {
    endpoint.allow_insecure();
  } else if (util::is_loopback("http://" + host) && endpoint.ca_file.empty() && endpoint.client_cert.empty()) {
    endpoint.scheme = "http";
  }
  return endpoint;
}

void RegistryEndpoint::allow_insecure() {
  if (scheme != "https") return;
  verify_tls = false;
  may_be_plain = true;
}

std::string RegistryEndpoint::key() const {
  std::string text =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}", name, origin(), path, ns, verify_tls, ca_file, client_cert);
  for (const auto& [header, value] : headers) text += fmt::format("\n{}:{}", header, value);
  return text;
}

void RegistryEndpoint::prepare(util::HttpRequest& request) const {
  request.verify_tls = verify_tls;
  request.ca_file = ca_file;
  request.client_cert = client_cert;
  request.client_key = client_key;
  request.origin_headers = headers;
  request.connect_timeout = kConnectTimeout;
  request.stall_timeout = stall_timeout();
}

void find_certificates(RegistryEndpoint& endpoint, const std::string& host,
                       const std::vector<std::filesystem::path>& certs_dirs) {
  for (const auto& directory : certs_dirs) {
    std::filesystem::path own = directory / host;
    if (endpoint.ca_file.empty()) endpoint.ca_file = file_with_suffix(own, ".crt");
    if (endpoint.client_cert.empty()) {
      endpoint.client_cert = file_with_suffix(own, ".cert");
      if (!endpoint.client_cert.empty()) endpoint.client_key = file_with_suffix(own, ".key");
    }
  }
}

}  // namespace oci
