#pragma once

#include <optional>
#include <stop_token>
#include <string>

namespace builder {

struct LoginOptions {
  std::string user;
  std::optional<std::string> password;
  bool password_from_input = false;
};

/// Verifies a credential at the registry and stores it in docker's configuration file. Asks on the terminal for what
/// `options` lack; without user and password the stored credential is tried first. `server`: "" = Docker Hub; scheme and
/// path are ignored. Throws util::Error.
void login(const std::string& server, LoginOptions options, std::stop_token stop);

/// Forgets the credential of a registry.
void logout(const std::string& server);

/// "https://localhost:5000/v2/" -> "localhost:5000"; "", and the other names of Docker Hub -> "docker.io".
std::string registry_host(const std::string& server);

}  // namespace builder
