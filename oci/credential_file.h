#pragma once

#include <filesystem>
#include <string>

#include "oci/registry_auth.h"

namespace oci {

/// The writing side of docker's configuration file: what login and logout do. Other fields of the file stay as they are;
/// it is replaced as a whole, readable by its owner only, and one process at a time changes it. Where `credHelpers` or
/// `credsStore` names a helper for the registry, that keeps the secret (docker-credential-helpers' protocol) and the file
/// just an empty entry.
class CredentialFile {
 public:
  explicit CredentialFile(std::filesystem::path path) : path_(std::move(path)) {}
  /// `$DOCKER_CONFIG/config.json`, default ~/.docker/config.json. Throws util::Error when there is no home either.
  static std::filesystem::path default_path();

  /// For a registry host ("docker.io", "localhost:5000"). Returns the helper that keeps it; "" = it is in the file,
  /// unencrypted. Throws util::Error: broken or unwritable file, failing helper.
  std::string save(const std::string& host, const Credential& credential) const;
  /// False if there was nothing.
  bool erase(const std::string& host) const;

 private:
  std::filesystem::path path_;
};

}  // namespace oci
