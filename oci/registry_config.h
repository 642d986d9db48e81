#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "oci/hosts_toml.h"
#include "oci/reference.h"
#include "oci/registries_conf.h"
#include "oci/registry_endpoint.h"

namespace oci {

/// One place where a repository is: its registry, or a mirror of it.
struct RegistryLocation {
  RegistryEndpoint endpoint;
  std::string repository;  ///< its name there
  bool mirror = false;
};

/// Which servers are asked for an image: containers' registries.conf, containerd's hosts.toml, certs.d directories. The
/// files are read when a registry is first asked for. Thread-safe.
class RegistryConfig {
 public:
  struct Paths {
    std::vector<std::filesystem::path> registries_conf;
    std::vector<std::filesystem::path> hosts_dirs;  ///< with HOST/hosts.toml
    std::vector<std::filesystem::path> certs_dirs;  ///< with HOST/*.crt, *.cert, *.key
    /// $BUILDER_CERTS_D (directories by colons) before the usual ones.
    static Paths of_machine();
  };
  enum class Purpose { resolve, pull };  ///< what a tag means; manifests and blobs by digest

  RegistryConfig() = default;
  explicit RegistryConfig(Paths paths) : paths_(std::move(paths)) {}

  /// Where to get an image, in this order: mirrors that may serve that purpose, at last the registry itself. Throws
  /// util::Error: blocked, broken configuration.
  std::vector<RegistryLocation> locations(const Reference& reference, Purpose purpose);
  /// The registry itself, under the image's own name: for pushes and everything else that mirrors have no part in.
  RegistryLocation upstream(const Reference& reference);

 private:
  const RegistriesConf::Registry* find_registry(const Reference& reference);
  RegistryEndpoint server(const std::string& host, bool insecure);
  const std::optional<HostsToml>& hosts_toml(const std::string& host);

  std::mutex mutex_;
  std::optional<Paths> paths_;
  std::optional<RegistriesConf> registries_;
  std::map<std::string, std::optional<HostsToml>> hosts_;
  std::map<std::string, RegistryEndpoint> endpoints_;
};

}  // namespace oci
