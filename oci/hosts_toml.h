#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "oci/registry_endpoint.h"

namespace oci {

/// containerd's description of a registry, `certs.d/HOST/hosts.toml` (its docs/hosts.md).
struct HostsToml {
  struct Host {
    RegistryEndpoint endpoint;
    bool pull = true;     ///< manifests and blobs by digest
    bool resolve = true;  ///< tags
  };
  std::vector<Host> mirrors;  ///< `[host."…"]`, in the order of the file
  /// `server`, and what the file says outside of the hosts; nullopt when it says nothing about it.
  std::optional<RegistryEndpoint> server;

  /// The first file for that host in directories like /etc/containerd/certs.d: HOST/hosts.toml, then
  /// _default/hosts.toml. nullopt = none. Throws util::Error naming file and line.
  static std::optional<HostsToml> find(const std::string& host, const std::vector<std::filesystem::path>& directories);
};

}  // namespace oci
