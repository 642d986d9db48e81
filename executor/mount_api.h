#pragma once

#include <cstdint>
#include <string>

#include "util/fd.h"
#include "util/mount.h"

namespace executor {

/// The kernel's descriptor based mount calls (Linux 5.12), with errors in words. A mount is made detached and then put
/// in its place, so no path is looked up twice.

/// MOUNT_ATTR_* bits of the flags of a mount.
std::uint64_t mount_attributes(const util::Mount& mount);

/// A detached copy of the mount at `source` (relative to `dir_fd`; empty = the descriptor itself).
util::Fd clone_mount(int dir_fd, const std::string& source, bool recursive);
/// Adds attributes to a detached mount, to those below it too if `recursive`.
void add_mount_attributes(int mount_fd, std::uint64_t attributes, bool recursive);
/// Puts a detached mount over `target_fd`.
void attach_mount(int mount_fd, int target_fd, const std::string& target_name);

/// A file system being configured (fsopen).
class FileSystemContext {
 public:
  /// Throws when the kernel does not know `type`.
  explicit FileSystemContext(std::string type);
  void set(const char* key, const std::string& value);
  /// False when refused.
  bool try_set(const char* key, const std::string& value);
  bool try_flag(const char* key);
  /// "key=value,flag".
  void set_options(const std::string& options);
  /// Creates it; a detached mount.
  util::Fd mount(std::uint64_t attributes);

 private:
  [[noreturn]] void fail(int code, const std::string& what);
  std::string type_;
  util::Fd fd_;
};

/// What can be done when the kernel refuses a mount with `code`; empty when nothing comes to mind.
std::string mount_hint(int code);

}  // namespace executor
