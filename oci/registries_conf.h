#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "oci/reference.h"

namespace oci {

/// The `[[registry]]` tables of containers-registries.conf(5), version 2. Short names and their aliases play no part:
/// a name without a host is Docker Hub's.
class RegistriesConf {
 public:
  struct Mirror {
    std::string location;
    bool insecure = false;
    bool for_tags = true, for_digests = true;  ///< pull-from-mirror
  };
  struct Registry {
    std::string prefix, location;  ///< location: empty only with a wildcard prefix
    bool insecure = false;
    bool blocked = false;
    std::vector<Mirror> mirrors;
    std::string file;  ///< that says so
  };

  RegistriesConf() = default;
  /// A later file replaces what an earlier one said about a prefix; missing ones are empty. Throws util::Error naming
  /// file and line.
  static RegistriesConf read(const std::vector<std::filesystem::path>& files);
  /// The files of this machine: $CONTAINERS_REGISTRIES_CONF alone if it is set, else
  /// $HOME/.config/containers/registries.conf or /etc/containers/registries.conf, and the registries.conf.d/*.conf
  /// of both.
  static std::vector<std::filesystem::path> default_files();

  /// The entry with the longest prefix of the image's name; nullptr = none.
  const Registry* find(const Reference& reference) const;

 private:
  std::vector<Registry> registries_;
};

/// `host/repository` of an image when `prefix` is replaced by `location`, as in ("docker.io", "mirror:5000/hub").
/// An empty location changes nothing.
std::pair<std::string, std::string> rewrite_name(const Reference& reference, const std::string& prefix,
                                                 const std::string& location);

}  // namespace oci
