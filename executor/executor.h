#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "util/mount.h"
#include "util/process.h"

namespace executor {

enum class NetworkMode { host, none };

/// Limits of cgroup and rlimit kind; absent = none.
struct ResourceLimits {
  std::optional<std::uint64_t> memory, memory_swap, cpu_shares, cpu_period;
  std::optional<std::int64_t> cpu_quota;
  std::string cpuset_cpus, cpuset_mems;
  std::string cgroup_parent;
  struct Ulimit {
    std::string name;                 ///< "nofile"
    std::int64_t soft = 0, hard = 0;  ///< -1 = unlimited
  };
  std::vector<Ulimit> ulimits;
  bool any_cgroup() const {
    return memory || memory_swap || cpu_shares || cpu_period || cpu_quota || !cpuset_cpus.empty() ||
           !cpuset_mems.empty();
  }
};

/// A file that the sandbox makes for the step: content bound at a path (a secret, a heredoc script), in a tmpfs, never
/// on disk.
struct InjectedFile {
  std::string target;  ///< absolute
  std::string content;
  std::uint32_t mode = 0400, uid = 0, gid = 0;
};

/// Process to run in the root that `MountPlan` describes.
struct ProcessSpec {
  std::vector<std::string> args;  ///< [0] is looked up in the PATH of `env`, inside the root
  std::vector<std::string> env;   ///< "K=V"
  std::string cwd = "/";          ///< made (0755, owned by the user) when missing
  std::string user;               ///< as USER says; looked up in the root's passwd and group files
  std::string hostname = "buildkitsandbox";
  std::vector<std::pair<std::string, std::string>> extra_hosts;  ///< host -> ip ("host-gateway" = this host)
  NetworkMode network = NetworkMode::host;
  bool insecure = false;               ///< all capabilities, no seccomp, nothing masked
  std::uint64_t shm_size = 64u << 20;  ///< bytes
  ResourceLimits limits;
};

/// What to mount, in order, before /proc, /dev, ... are added by `complete_plan`.
struct MountPlan {
  std::vector<util::Mount> root;  ///< from the snapshotter; the first has target "/"
  std::vector<util::Mount>
      extra;  ///< RUN --mount; missing mount points are made, and removed afterwards when still empty
  std::vector<InjectedFile> files;
  /// Unix sockets of this machine bound into the root (ssh agents): target -> {source, mode, uid, gid}.
  struct Socket {
    std::string source, target;
    std::uint32_t mode = 0600, uid = 0, gid = 0;
  };
  std::vector<Socket> sockets;
};

/// Output of the process; called from one reader thread per run, in order.
struct ProcessIo {
  std::function<void(int stream, std::string_view data)> output;  ///< stream 1 or 2
};

/// What happened besides the exit status.
struct RunOutcome {
  util::ExitStatus status;
  bool out_of_memory = false;
};

/// Seam: runs one process to its end. Thread-safe.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Throws util::Error when the sandbox cannot be made (what, why, what to do) or the user or command does not exist
  /// in a way that is not an exit status; a command that is not found is exit code 127, one that is not executable 126,
  /// as a shell says. On `stop` everything inside is killed, and Cancelled thrown once it is gone.
  virtual RunOutcome run(const ProcessSpec& process, const MountPlan& mounts, const ProcessIo& io,
                         std::stop_token stop) = 0;
};

}  // namespace executor
