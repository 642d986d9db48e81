#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "executor/executor.h"
#include "util/mount.h"

namespace executor {

/// What this machine allows to this process; pure input of `complete_plan`.
struct HostFacts {
  enum class Cgroups { none, v1, v2 };
  bool user_namespace = false;  ///< not the initial one: devices are bound instead of made, overlays keep their marks
                                ///< in user.* attributes
  bool tty_group = true;        ///< gid 5 exists in the user namespace
  Cgroups cgroups = Cgroups::none;
  std::vector<std::string> cgroup_v1;  ///< controllers of the hierarchies to show: "memory", "cpu,cpuacct"
};
/// Looks at /proc/self and /sys/fs/cgroup.
HostFacts find_host_facts();

/// One thing the init does in the new root. Missing mount points are made and removed at the end.
struct Step {
  enum class Kind {
    mount,      ///< `mount`
    file,       ///< `data` in memory, bound at mount.target with mode, uid, gid
    device,     ///< character device node (or the host's bound)
    link,       ///< symbolic link at mount.target with text `data`
    mask,       ///< an empty read-only directory, or /dev/null, over mount.target if that exists
    read_only,  ///< mount.target made read-only if it exists
  };
  Kind kind = Kind::mount;
  util::Mount mount;
  std::string data;  ///< file: content; link: text; mount: extra file system options "key=value,flag"
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::uint32_t major = 0, minor = 0;
  bool optional = false;  ///< left out when the kernel refuses it
  /// Mounted instead when the kernel refuses `mount`.
  std::optional<util::Mount> otherwise;
};

/// All the init needs to know; plain data.
struct SandboxPlan {
  std::string staging;  ///< an existing directory; the root is put together on top of it
  bool user_namespace = false;
  std::vector<util::Mount> root;
  std::vector<Step> steps;  ///< in order
  ProcessSpec process;
  std::string seccomp;  ///< the filter's instructions; empty = none
};

/// Adds to the mounts what every container sees (/proc, /dev, /sys, hosts, resolv.conf, masked paths), ordered so that
/// a mount never hides a later, deeper one. Pure. `hosts` and `resolv_conf` are the contents of these files.
SandboxPlan complete_plan(const ProcessSpec& process, const MountPlan& mounts, const HostFacts& facts,
                          std::string hosts, std::string resolv_conf);

}  // namespace executor
