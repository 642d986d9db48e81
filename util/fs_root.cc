// Opening a path inside a directory that stands for the root.
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <deque>
#include <utility>

#include "util/error.h"
#include "util/fs.h"

namespace util {
namespace {

constexpr int kMaxLinks = 255;
/// openat2 gives EAGAIN when something in the system is renamed while ".." is resolved.
constexpr int kMaxRetries = 128;

int openat2_in_root(int root_fd, const std::string& path, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? mode & 07777U : 0;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  int fd = -1;
  for (int i = 0; i < kMaxRetries; ++i) {
    fd = static_cast<int>(::syscall(SYS_openat2, root_fd, path.c_str(), &how, sizeof how));
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return fd;
}

/// Whether the kernel (and the seccomp filter we may run under) has openat2; found out once.
bool have_openat2() {
  static const bool available = [] {
    Fd probe(openat2_in_root(AT_FDCWD, ".", O_PATH | O_CLOEXEC, 0));
    return static_cast<bool>(probe);
  }();
  return available && std::getenv("BUILDER_NO_OPENAT2") == nullptr;
}

/// The same by steps: every component is opened without following it, links are read and put in front of the rest.
/// The directories passed stay open, so that ".." cannot be diverted by a rename.
class RootWalk {
 public:
  RootWalk(int root_fd, std::string_view path, int flags, mode_t mode)
      : root_fd_(root_fd), path_(path), flags_(flags), mode_(mode) {
    push_front(path);
  }

  Fd run() {
    while (!rest_.empty()) {
      std::string name = std::move(rest_.front());
      rest_.pop_front();
      if (name == "..") {
        if (!passed_.empty()) passed_.pop_back();
        name = ".";
      }
      if (rest_.empty()) {
        if (std::optional<Fd> file = open_last(name)) return *std::move(file);
      } else if (name != ".") {
        enter(name);
      }
    }
    return checked(::openat(current(), ".", flags_, mode_));
  }

 private:
  int current() const { return passed_.empty() ? root_fd_ : passed_.back().get(); }

  [[noreturn]] void fail(int code) const { throw SystemError(fmt::format("open `{}`", path_), code); }

  Fd checked(int fd) const {
    if (fd < 0) fail(errno);
    return Fd(fd);
  }

  /// Puts the components of a path or link target in front of what is left. A trailing slash counts as a "." component.
  void push_front(std::string_view path) {
    if (path.starts_with('/')) passed_.clear();
    std::deque<std::string> parts;
    while (!path.empty()) {
      std::size_t end = std::min(path.find('/'), path.size());
      if (end > 0) parts.emplace_back(path.substr(0, end));
      if (end < path.size() && path.find_first_not_of('/', end) == std::string_view::npos) parts.emplace_back(".");
      path.remove_prefix(std::min(end + 1, path.size()));
    }
    rest_.insert(rest_.begin(), std::make_move_iterator(parts.begin()), std::make_move_iterator(parts.end()));
  }

  void follow(int dir_fd, const std::string& name) {
    if (++links_ > kMaxLinks) fail(ELOOP);
    std::string target = read_link_at(dir_fd, name);
    if (target.empty()) fail(ENOENT);
    push_front(target);
  }

  void enter(const std::string& name) {
    Fd next = checked(::openat(current(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    switch (stat_at(next.get(), "").type) {
      case FileType::directory:
        passed_.push_back(std::move(next));
        break;
      case FileType::symlink:
        follow(next.get(), "");
        break;
      default:
        fail(ENOTDIR);
    }
  }

  /// Opens the last component; nullopt when it is a link, whose target is then what is left to walk.
  std::optional<Fd> open_last(const std::string& name) {
    bool follows = (flags_ & O_NOFOLLOW) == 0 && (flags_ & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    if (!follows || name == ".") return checked(::openat(current(), name.c_str(), flags_, mode_));
    std::optional<FileStat> status = find_stat_at(current(), name);
    if (status && status->type == FileType::symlink) {
      follow(current(), name);
      return std::nullopt;
    }
    // Had it become a link meanwhile, this would fail (or, with O_PATH, be seen below) instead of following it.
    Fd file = checked(::openat(current(), name.c_str(), flags_ | O_NOFOLLOW, mode_));
    if ((flags_ & O_PATH) != 0 && stat_at(file.get(), "").type == FileType::symlink) fail(ELOOP);
    return file;
  }

  int root_fd_;
  std::string_view path_;
  int flags_;
  mode_t mode_;
  int links_ = 0;
  std::vector<Fd> passed_;        ///< directories below the root on the way to the current one
  std::deque<std::string> rest_;  ///< components still to walk
};

}  // namespace

Fd open_in_root(int root_fd, std::string_view path, int flags, mode_t mode) {
  flags |= O_CLOEXEC;
  std::string text(path.empty() ? "." : path);
  if (text.find('\0') != std::string::npos) throw SystemError(fmt::format("open `{}`", path), EINVAL);
  if (!have_openat2()) return RootWalk(root_fd, text, flags, mode).run();
  int fd = openat2_in_root(root_fd, text, flags, mode);
  if (fd < 0) throw_errno(fmt::format("open `{}`", path));
  return Fd(fd);
}

}  // namespace util
