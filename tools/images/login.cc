#include "tools/images/login.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <utility>

#include "oci/credential_file.h"
#include "oci/credential_key.h"
#include "oci/registry.h"
#include "tools/builder/usage_error.h"
#include "tools/images/prompt.h"
#include "util/error.h"
#include "util/stream.h"
#include "util/text.h"

namespace builder {
namespace {

constexpr std::size_t kMaxPassword = std::size_t{64} << 10;

std::string password_from_input(const std::stop_token& stop) {
  util::FdReader input(STDIN_FILENO, stop);
  std::string password = util::read_all(input, kMaxPassword);
  if (password.ends_with('\n')) password.pop_back();
  if (password.ends_with('\r')) password.pop_back();
  if (password.empty()) throw util::Error("read the password from standard input: there is none");
  return password;
}

std::string ask(const std::string& what, bool hidden, const std::stop_token& stop) {
  const std::optional<std::string> answer = prompt(what + ": ", hidden, stop);
  const std::string text(util::trim(answer.value_or("")));
  if (text.empty()) throw util::Error(util::to_lower(what) + " required");
  return hidden ? *answer : text;
}

oci::Credential complete(const LoginOptions& options, const std::optional<oci::Credential>& known,
                         const std::stop_token& stop) {
  oci::Credential credential;
  credential.user = options.user;
  if (options.password) credential.password = *options.password;
  if (!credential.user.empty() && options.password) return credential;
  if (!can_prompt()) {
    throw util::Error("log in: user and password are not given, and there is no terminal to ask on",
                      "give --username, and the password with --password-stdin");
  }
  if (credential.user.empty()) {
    const std::string before = known ? known->user : std::string();
    if (before.empty()) {
      credential.user = ask("Username", false, stop);
    } else {
      const std::string text(util::trim(prompt(fmt::format("Username ({}): ", before), false, stop).value_or("")));
      credential.user = text.empty() ? before : text;
    }
  }
  if (!options.password) credential.password = ask("Password", true, stop);
  return credential;
}

void store(const std::string& host, const oci::Credential& accepted) {
  const std::filesystem::path path = oci::CredentialFile::default_path();
  if (oci::CredentialFile(path).save(host, accepted).empty()) {
    std::cerr << fmt::format(
        "WARNING! Your credentials are stored unencrypted in '{}'.\n"
        "A credential helper (credsStore in that file) keeps them safe.\n",
        path.string());
  }
}

/// Is the stored credential still good? False when there has to be another one.
bool stored_one_works(const std::string& host, const oci::Credential& known, oci::RegistryClient& registry,
                      const std::stop_token& stop) {
  std::cout << fmt::format("Authenticating with existing credentials... [Username: {}]", known.user) << std::endl;
  try {
    (void)registry.check_login(host, known, stop);
    return true;
  } catch (const oci::RegistryError& error) {
    if (error.kind() != oci::RegistryError::Kind::unauthorized) throw;
    std::cerr << "Login did not succeed, error: " << error.message() << std::endl;
    return false;
  }
}

}  // namespace

std::string registry_host(const std::string& server) {
  const std::string host = oci::credential_host(server);
  const std::vector<std::string> hub = oci::credential_keys(std::string(oci::kDockerHub));
  const bool is_hub = host.empty() || std::ranges::any_of(hub, [&](const std::string& key) { return oci::credential_host(key) == host; });
  return is_hub ? std::string(oci::kDockerHub) : host;
}

void login(const std::string& server, LoginOptions options, std::stop_token stop) {
  if (options.password_from_input && options.password) {
    throw UsageError("--password and --password-stdin exclude each other");
  }
  if (options.password_from_input && options.user.empty()) {
    throw UsageError("--password-stdin needs a user name", "give it with --username");
  }
  if (options.password) std::cerr << "WARNING! Using --password via the CLI is insecure. Use --password-stdin." << std::endl;
  if (options.password_from_input) options.password = password_from_input(stop);

  const std::string host = registry_host(server);
  oci::RegistryClient registry;
  const std::optional<oci::Credential> known = options.user.empty() ? oci::CredentialStore().find(host) : std::nullopt;
  const bool try_known = known && !options.password;
  if (!try_known || !stored_one_works(host, *known, registry, stop)) {
    store(host, registry.check_login(host, complete(options, known, stop), stop));
  }
  std::cout << "Login Succeeded" << std::endl;
}

void logout(const std::string& server) {
  const std::string host = registry_host(server);
  const std::string shown = oci::credential_keys(host).front();
  std::cout << "Removing login credentials for " << shown << std::endl;
  if (!oci::CredentialFile(oci::CredentialFile::default_path()).erase(host)) {
    std::cerr << "Not logged in to " << shown << std::endl;
  }
}

}  // namespace builder
