#include "executor/mount_points.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <optional>

#include "util/error.h"
#include "util/fs.h"
#include "util/text.h"

namespace executor {
namespace {

constexpr int kMaxLinks = 40;

std::string joined(const std::string& parent, const std::string& name) {
  return parent.empty() ? name : parent + "/" + name;
}

util::Fd open_existing(int root_fd, const std::string& path, int extra_flags) {
  return util::open_in_root(root_fd, path.empty() ? "." : path, O_PATH | extra_flags);
}

bool is_absence(int code) {
  return code == ENOENT || code == ENOTDIR || code == EACCES;
}

void push_front_parts(std::deque<std::string>& rest, const std::string& path) {
  std::vector<std::string> parts = util::split(path, '/');
  rest.insert(rest.begin(), parts.begin(), parts.end());
}

}  // namespace

util::Fd MountPoints::find(const std::string& target) const {
  // Most of what is looked for here does not exist: not worth an exception each time.
  struct open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  util::Fd fd(static_cast<int>(syscall(SYS_openat2, root_fd_, target.c_str(), &how, sizeof how)));
  if (fd || is_absence(errno)) return fd;
  try {
    return open_existing(root_fd_, target, 0);
  } catch (const util::SystemError& error) {
    if (is_absence(error.code())) return {};
    throw;
  }
}

util::Fd MountPoints::open(const std::string& target, bool directory, bool temporary) {
  return util::with_context("mount point `" + target + "`", [&] {
    util::Fd fd = find(target);
    if (!fd) fd = open_or_make(target, directory, temporary);
    bool is_directory = util::stat_at(fd.get(), "").type == util::FileType::directory;
    if (is_directory != directory) {
      throw util::Error(directory ? "it is a file, and a directory is to be mounted there"
                                  : "it is a directory, and a file is to be mounted there");
    }
    return fd;
  });
}

util::Fd MountPoints::open_parent(const std::string& target, std::string& name, bool temporary) {
  std::string path = util::clean_relative(target);
  std::size_t slash = path.rfind('/');
  name = slash == std::string::npos ? path : path.substr(slash + 1);
  std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  return open("/" + parent, true, temporary);
}

/// Walks component by component, so that a link whose target is missing leads to that target being made.
util::Fd MountPoints::open_or_make(const std::string& target, bool directory, bool temporary) {
  std::deque<std::string> rest;
  push_front_parts(rest, util::clean_relative(target));
  std::string done;  // free of links
  int links = 0;
  while (!rest.empty()) {
    std::string name = rest.front();
    rest.pop_front();
    if (name.empty() || name == ".") continue;
    if (name == "..") {
      std::size_t slash = done.rfind('/');
      done = slash == std::string::npos ? "" : done.substr(0, slash);
      continue;
    }
    util::Fd parent = open_existing(root_fd_, done, O_DIRECTORY);
    std::optional<util::FileStat> found = util::find_stat_at(parent.get(), name);
    if (!found) {
      make(done, name, directory || !rest.empty(), temporary);
    } else if (found->type == util::FileType::symlink) {
      if (++links > kMaxLinks) throw util::SystemError("follow its links", ELOOP);
      std::string text = util::read_link_at(parent.get(), name);
      if (text.starts_with('/')) done.clear();
      push_front_parts(rest, text);
      continue;
    }
    done = joined(done, name);
  }
  return open_existing(root_fd_, done, O_NOFOLLOW);
}

void MountPoints::make(const std::string& parent, const std::string& name, bool directory, bool temporary) {
  util::Fd dir = util::open_in_root(root_fd_, parent.empty() ? "." : parent, O_RDONLY | O_DIRECTORY);
  if (directory) {
    if (mkdirat(dir.get(), name.c_str(), 0755) != 0) util::throw_errno("make `/" + joined(parent, name) + "`");
  } else {
    util::Fd file = util::open_at(dir.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644);
  }
  if (temporary) stubs_.push_back({parent, name, directory});
}

void MountPoints::remove_stubs(std::size_t first) noexcept {
  while (stubs_.size() > first) {
    remove_stub(stubs_.back());
    stubs_.pop_back();
  }
}

void MountPoints::remove_stub(const Stub& stub) noexcept {
  try {
    util::Fd dir = util::open_in_root(root_fd_, stub.parent.empty() ? "." : stub.parent, O_RDONLY | O_DIRECTORY);
    struct stat now = {}, file = {};
    if (fstat(dir.get(), &now) != 0 || fstatat(dir.get(), stub.name.c_str(), &file, AT_SYMLINK_NOFOLLOW) != 0) return;
    if (stub.directory) {
      if (unlinkat(dir.get(), stub.name.c_str(), AT_REMOVEDIR) != 0) return;
    } else {
      if (!S_ISREG(file.st_mode) || file.st_size != 0 || unlinkat(dir.get(), stub.name.c_str(), 0) != 0) return;
    }
    // As BuildKit: the directory keeps the time it had before the removal.
    struct timespec times[2] = {now.st_atim, now.st_mtim};
    futimens(dir.get(), times);
  } catch (const util::Error&) {
    // The directory around it is gone or was replaced: nothing of ours is left there.
  }
}

}  // namespace executor
