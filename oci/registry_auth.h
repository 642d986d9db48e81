#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace oci {

struct Credential {
  std::string user;
  std::string password;
  std::string identity_token;  ///< OAuth2 refresh token, instead of the password
  std::string registry_token;  ///< ready bearer token, instead of all the others
};

/// Credentials of `$DOCKER_CONFIG/config.json` (default ~/.docker): auths, credHelpers, credsStore; what is not there
/// is looked for in `$REGISTRY_AUTH_FILE` and `$XDG_RUNTIME_DIR/containers/auth.json`. Read once, on first use.
/// Thread-safe. Never logged.
class CredentialStore {
 public:
  CredentialStore();
  /// Reads these files instead, the first one that knows a host wins; a missing one is empty.
  explicit CredentialStore(std::vector<std::filesystem::path> files);
  /// One that knows this credential, for every host, and nothing else.
  static CredentialStore of(Credential credential);
  CredentialStore(CredentialStore&&) noexcept;
  ~CredentialStore();
  /// For a registry host ("docker.io", "localhost:5000"); nullopt = anonymous. A broken file throws util::Error.
  /// A credential helper is asked once in five minutes.
  std::optional<Credential> find(const std::string& host);

 private:
  struct State;
  explicit CredentialStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// One `WWW-Authenticate` challenge.
struct AuthChallenge {
  std::string scheme;  ///< lower case: "bearer", "basic"
  std::string realm, service, scope, error;
};
/// Any text is accepted; what is malformed is left out.
std::vector<AuthChallenge> parse_challenges(const std::string& header);

}  // namespace oci
