#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace oci {

struct Credential {
  std::string user;
  std::string password;
  std::string identity_token;   ///< OAuth2 refresh token, instead of the password
};

/// Credentials of `$DOCKER_CONFIG/config.json` (default ~/.docker): auths, credHelpers, credsStore.
/// Read once, on first use. Thread-safe. Never logged.
class CredentialStore {
 public:
  CredentialStore();
  /// For a registry host ("docker.io", "localhost:5000"); nullopt = anonymous. A broken file throws util::Error.
  std::optional<Credential> find(const std::string& host);
};

/// One `WWW-Authenticate` challenge.
struct AuthChallenge {
  std::string scheme;           ///< lower case: "bearer", "basic"
  std::string realm, service, scope, error;
};
std::vector<AuthChallenge> parse_challenges(const std::string& header);

}  // namespace oci
