#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace util {

/// A mount as plain data: the shared words of cache (which says how a root looks) and executor (which
/// performs it, in the sandbox's own mount namespace, so that nothing is ever mounted outside).
struct Mount {
  enum class Type { bind, overlay, tmpfs, proc, sysfs, devpts, mqueue, cgroup };
  Type type = Type::bind;
  std::string source;                 ///< bind: an absolute path (directory or file)
  std::string target;                 ///< absolute path inside the root; "/" for the root itself
  bool read_only = false;
  bool no_exec = false, no_suid = false, no_dev = false;
  bool recursive = false;             ///< bind: MS_REC
  std::uint64_t size = 0;             ///< tmpfs: bytes, 0 = kernel's default
  std::uint32_t mode = 0755;          ///< tmpfs: of its root
  // overlay:
  std::vector<std::string> lower;     ///< absolute directories, the topmost first; not empty
  std::string upper, work;            ///< absolute; empty for a read-only overlay
};

}  // namespace util
