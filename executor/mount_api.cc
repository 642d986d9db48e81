#include "executor/mount_api.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "util/error.h"
#include "util/text.h"

namespace executor {
namespace {

[[noreturn]] void fail_with_hint(const std::string& what, int code) {
  util::SystemError error(what, code);
  error.set_hint(mount_hint(code));
  throw error;
}

}  // namespace

std::string mount_hint(int code) {
  switch (code) {
    case EPERM:
    case EACCES:
      return "mounting is not permitted here; inside a container, start it with `--security-opt seccomp=unconfined "
             "--security-opt apparmor=unconfined`, or with `--privileged`";
    case ENOSYS:
      return "Linux 5.12 or newer is needed to run commands";
    case ENOSPC:
      return "too many mounts: see `sysctl fs.mount-max` and `user.max_mnt_namespaces`";
    default:
      return {};
  }
}

std::uint64_t mount_attributes(const util::Mount& mount) {
  std::uint64_t attributes = 0;
  if (mount.read_only) attributes |= MOUNT_ATTR_RDONLY;
  if (mount.no_exec) attributes |= MOUNT_ATTR_NOEXEC;
  if (mount.no_suid) attributes |= MOUNT_ATTR_NOSUID;
  if (mount.no_dev) attributes |= MOUNT_ATTR_NODEV;
  return attributes;
}

util::Fd clone_mount(int dir_fd, const std::string& source, bool recursive) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  if (recursive) flags |= AT_RECURSIVE;
  if (source.empty()) flags |= AT_EMPTY_PATH;
  util::Fd fd(open_tree(dir_fd, source.c_str(), flags));
  if (!fd) fail_with_hint("bind `" + source + "`", errno);
  return fd;
}

void add_mount_attributes(int mount_fd, std::uint64_t attributes, bool recursive) {
  if (attributes == 0) return;
  struct mount_attr change = {};
  change.attr_set = attributes;
  unsigned flags = AT_EMPTY_PATH;
  if (recursive) flags |= AT_RECURSIVE;
  if (mount_setattr(mount_fd, "", flags, &change, sizeof change) != 0)
    fail_with_hint("set the flags of a mount", errno);
}

void attach_mount(int mount_fd, int target_fd, const std::string& target_name) {
  if (move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) != 0) {
    fail_with_hint("mount on `" + target_name + "`", errno);
  }
}

FileSystemContext::FileSystemContext(std::string type)
    : type_(std::move(type)), fd_(fsopen(type_.c_str(), FSOPEN_CLOEXEC)) {
  if (!fd_) {
    int code = errno;
    util::SystemError error("mount a file system of type `" + type_ + "`", code);
    error.set_hint(code == ENODEV
                       ? "this kernel has no `" + type_ + "`; is its module installed (`modprobe " + type_ + "`)?"
                       : mount_hint(code));
    throw error;
  }
}

void FileSystemContext::fail(int code, const std::string& what) {
  // The kernel keeps a line or two about the cause: "e overlay: ...".
  char text[512];
  std::string said;
  ssize_t length = read(fd_.get(), text, sizeof text);
  if (length > 2) said = std::string(util::trim(std::string_view(text + 2, static_cast<std::size_t>(length) - 2)));
  std::string message = what;
  if (!said.empty()) message += " (the kernel says: " + said + ")";
  fail_with_hint(message, code);
}

void FileSystemContext::set(const char* key, const std::string& value) {
  if (!try_set(key, value)) fail(errno, "set `" + std::string(key) + "` of a new `" + type_ + "`");
}

bool FileSystemContext::try_set(const char* key, const std::string& value) {
  return fsconfig(fd_.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0) == 0;
}

bool FileSystemContext::try_flag(const char* key) {
  return fsconfig(fd_.get(), FSCONFIG_SET_FLAG, key, nullptr, 0) == 0;
}

void FileSystemContext::set_options(const std::string& options) {
  for (const std::string& option : util::split(options, ',')) {
    if (option.empty()) continue;
    std::size_t equals = option.find('=');
    if (equals != std::string::npos) {
      set(option.substr(0, equals).c_str(), option.substr(equals + 1));
    } else if (!try_flag(option.c_str())) {
      fail(errno, "set `" + option + "` of a new `" + type_ + "`");
    }
  }
}

util::Fd FileSystemContext::mount(std::uint64_t attributes) {
  if (fsconfig(fd_.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) fail(errno, "mount a new `" + type_ + "`");
  util::Fd fd(fsmount(fd_.get(), FSMOUNT_CLOEXEC, static_cast<unsigned>(attributes)));
  if (!fd) fail(errno, "mount a new `" + type_ + "`");
  return fd;
}

}  // namespace executor
