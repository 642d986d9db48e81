#include "oci/registry_config.h"

#include <fmt/format.h>

#include <cstdlib>

#include "util/error.h"
#include "util/text.h"

namespace oci {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

}  // namespace

RegistryConfig::Paths RegistryConfig::Paths::of_machine() {
  Paths paths;
  paths.registries_conf = RegistriesConf::default_files();
  for (const std::string& directory : util::split(environment("BUILDER_CERTS_D"), ':')) {
    if (!directory.empty()) paths.hosts_dirs.emplace_back(directory);
  }
  paths.certs_dirs = paths.hosts_dirs;
  paths.hosts_dirs.emplace_back("/etc/containerd/certs.d");
  for (const char* directory : {"/etc/docker/certs.d", "/etc/containers/certs.d"})
    paths.certs_dirs.emplace_back(directory);
  if (std::string home = environment("HOME"); !home.empty()) {
    paths.certs_dirs.emplace_back(home + "/.config/containers/certs.d");
    paths.certs_dirs.emplace_back(home + "/.config/docker/certs.d");
  }
  paths.certs_dirs.emplace_back("/etc/containerd/certs.d");
  return paths;
}

const RegistriesConf::Registry* RegistryConfig::find_registry(const Reference& reference) {
  if (!paths_) paths_ = Paths::of_machine();
  if (!registries_) registries_ = RegistriesConf::read(paths_->registries_conf);
  const RegistriesConf::Registry* registry = registries_->find(reference);
  if (registry != nullptr && registry->blocked) {
    throw util::Error(fmt::format("registry `{}` is blocked by `{}`", registry->prefix, registry->file),
                      "use an image from another registry, or change that file");
  }
  return registry;
}

const std::optional<HostsToml>& RegistryConfig::hosts_toml(const std::string& host) {
  auto known = hosts_.find(host);
  if (known == hosts_.end()) known = hosts_.emplace(host, HostsToml::find(host, paths_->hosts_dirs)).first;
  return known->second;
}

RegistryEndpoint RegistryConfig::server(const std::string& host, bool insecure) {
  auto known = endpoints_.find(host);
  if (known == endpoints_.end()) {
    const std::optional<HostsToml>& hosts = hosts_toml(host);
    bool named = hosts && hosts->server;
    RegistryEndpoint endpoint = named ? *hosts->server : RegistryEndpoint::of(host, paths_->certs_dirs);
    if (named) find_certificates(endpoint, host, paths_->certs_dirs);
    known = endpoints_.emplace(host, std::move(endpoint)).first;
  }
  RegistryEndpoint endpoint = known->second;
  if (insecure) endpoint.allow_insecure();
  return endpoint;
}

std::vector<RegistryLocation> RegistryConfig::locations(const Reference& reference, Purpose purpose) {
  std::lock_guard lock(mutex_);
  std::vector<RegistryLocation> locations;
  std::string host = reference.domain, repository = reference.repository;
  bool insecure = false;
  if (const RegistriesConf::Registry* registry = find_registry(reference)) {
    for (const RegistriesConf::Mirror& mirror : registry->mirrors) {
      // The blobs of an image that was found by its tag at a mirror come from there too.
      bool by_tag = !reference.tag.empty() && mirror.for_tags;
      if (!(purpose == Purpose::resolve ? mirror.for_tags : mirror.for_digests || by_tag)) continue;
      auto [mirror_host, name] = rewrite_name(reference, registry->prefix, mirror.location);
      RegistryEndpoint endpoint = RegistryEndpoint::of(mirror_host, paths_->certs_dirs);
      if (mirror.insecure) endpoint.allow_insecure();
      locations.push_back({std::move(endpoint), name, true});
    }
    std::tie(host, repository) = rewrite_name(reference, registry->prefix, registry->location);
    insecure = registry->insecure;
  }
  if (const std::optional<HostsToml>& hosts = hosts_toml(host)) {
    for (const HostsToml::Host& mirror : hosts->mirrors) {
      if (purpose == Purpose::resolve ? mirror.resolve : mirror.pull) {
        locations.push_back({mirror.endpoint, repository, true});
      }
    }
  }
  locations.push_back({server(host, insecure), repository, false});
  return locations;
}

RegistryLocation RegistryConfig::upstream(const Reference& reference) {
  std::lock_guard lock(mutex_);
  const RegistriesConf::Registry* registry = find_registry(reference);
  return {server(reference.domain, registry != nullptr && registry->insecure), reference.repository, false};
}

}  // namespace oci
