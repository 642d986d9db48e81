#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ops {

/// What a device needs in a container (Container Device Interface, "containerEdits").
struct CdiEdits {
  struct Node {
    std::string path;       ///< in the container
    std::string host_path;  ///< on this machine
  };
  struct Mount {
    std::string host_path, container_path;
    std::vector<std::string> options;  ///< "ro", "nosuid", ...
  };
  std::vector<std::string> env;  ///< "K=V"
  std::vector<Node> nodes;
  std::vector<Mount> mounts;
  bool has_hooks = false;  ///< programs of this machine to run around the container
};

/// A device of this machine.
struct CdiDevice {
  std::string kind;          ///< "vendor.com/class"
  std::string name;          ///< "gpu0"
  std::string device_class;  ///< annotation org.mobyproject.buildkit.device.class
  bool auto_allow = false;   ///< annotation org.mobyproject.buildkit.device.autoallow
  CdiEdits edits;            ///< its own
  std::size_t spec = 0;      ///< index of the specification, whose edits come first

  std::string qualified_name() const { return kind + "=" + name; }
};

/// The devices that specifications describe (CDI 0.3 to 1.0; JSON and YAML).
class CdiDevices {
 public:
  /// Reads `*.json` and `*.yaml` of the directories; of two devices with one name the one of the later directory counts.
  /// Directories that do not exist have none; a file that is no specification is logged and left out.
  static CdiDevices load(std::span<const std::filesystem::path> directories);
  /// Where specifications lie: BUILDER_CDI_SPEC_DIRS (a list with colons), else /etc/cdi and /var/run/cdi.
  static std::vector<std::filesystem::path> default_directories();

  /// What a request means: "vendor.com/class=name", "vendor.com/class=*" (all of the kind), "vendor.com/class" (the first of
  /// it), or a device class (all in it). Sorted by name; empty when there is none.
  std::vector<const CdiDevice*> find(std::string_view request) const;
  /// Edits that apply once for all devices of one specification.
  const CdiEdits& common_edits(const CdiDevice& device) const { return common_[device.spec]; }

 private:
  void add_spec(const std::filesystem::path& file);
  std::vector<CdiDevice> devices_;  ///< by qualified name
  std::vector<CdiEdits> common_;
};

}  // namespace ops
