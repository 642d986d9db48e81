// Deleting trees.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "util/error.h"
#include "util/fs.h"

namespace util {
namespace {

/// So many directories of one branch are held open; those above are closed and found again by "..".
constexpr std::size_t kMaxOpen = 64;
/// A directory that others still fill is listed again so often.
constexpr int kMaxListings = 8;

/// What tells a directory from any other, and whether it is on the same mount.
struct Identity {
  std::uint64_t mount = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const Identity&) const = default;
  bool same_mount(const Identity& other) const {
    return mount == other.mount && (mount != 0 || device == other.device);
  }
};

Identity identify(int fd) {
  struct statx status {};
  if (::statx(fd, "", AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_MNT_ID, &status) < 0) {
    throw_errno("stat directory");
  }
  Identity identity;
  if ((status.stx_mask & STATX_MNT_ID) != 0) identity.mount = status.stx_mnt_id;
  identity.device = std::uint64_t{status.stx_dev_major} << 32 | status.stx_dev_minor;
  identity.inode = status.stx_ino;
  return identity;
}

/// Deletes one tree depth first, with a stack of its own: a tree may be deeper than any call stack or limit of
/// open files allows.
class TreeRemoval {
 public:
  explicit TreeRemoval(const std::filesystem::path& path) : path_(path) {}

  void run() {
    if (unlink_file(AT_FDCWD, path_.native())) return;
    if (!enter(AT_FDCWD, path_.native())) return;
    while (!frames_.empty()) step();
  }

 private:
  struct Frame {
    Fd directory;  ///< empty while closed
    Identity identity;
    std::string name;  ///< in the directory above
    std::vector<DirEntry> entries;
    std::size_t next = 0;
    int listings = 1;
  };

  [[noreturn]] void fail(int code, const std::string& name) const {
    std::string where = frames_.empty() ? path_.native() : fmt::format("{}: .../{}", path_.native(), name);
    throw SystemError(fmt::format("remove `{}`", where), code);
  }

  /// True when it is gone (or never was), false for a directory.
  bool unlink_file(int dir_fd, const std::string& name) {
    if (::unlinkat(dir_fd, name.c_str(), 0) == 0 || errno == ENOENT || errno == ENOTDIR) return true;
    int code = errno;
    // Linux says EISDIR, others and some file systems EPERM; without write permission above it is EACCES either way.
    std::optional<FileStat> status = find_stat_at(dir_fd, name);
    if (!status) return true;
    if (status->type == FileType::directory) return false;
    fail(code, name);
  }

  /// Goes into a directory; false when it is gone. Makes it readable and writable for us on the way.
  bool enter(int dir_fd, const std::string& name) {
    Fd handle(::openat(dir_fd, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!handle) {
      if (errno == ENOENT) return false;
      fail(errno, name);
    }
    Identity identity = identify(handle.get());
    if (!frames_.empty() && !identity.same_mount(frames_.front().identity)) fail(EBUSY, name);
    constexpr mode_t kOwner = S_IRWXU;
    if ((stat_at(handle.get(), "").mode & kOwner) != kOwner) {
      // An O_PATH descriptor takes no fchmod. A refusal shows in what follows.
      ::chmod(fmt::format("/proc/self/fd/{}", handle.get()).c_str(), kOwner);
    }
    Frame frame;
    frame.directory = open(handle.get(), name);
    frame.identity = identity;
    frame.name = name;
    frame.entries = list_directory(frame.directory.get());
    if (frames_.size() >= kMaxOpen) frames_[frames_.size() - kMaxOpen].directory.reset();
    frames_.push_back(std::move(frame));
    return true;
  }

  Fd open(int handle, const std::string& name) {
    int fd = ::openat(handle, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) fail(errno, name);
    return Fd(fd);
  }

  void step() {
    Frame& top = frames_.back();
    if (top.next == top.entries.size()) {
      leave();
      return;
    }
    const DirEntry entry = std::move(top.entries[top.next++]);
    // A directory must not be given to unlink by root on file systems that allow that.
    bool directory = entry.type == FileType::directory;
    if (directory || !unlink_file(top.directory.get(), entry.name)) enter(top.directory.get(), entry.name);
  }

  /// Removes the finished directory on top.
  void leave() {
    Frame done = std::move(frames_.back());
    frames_.pop_back();
    if (!frames_.empty() && !frames_.back().directory) reopen(frames_.back(), done.directory.get());
    int above = frames_.empty() ? AT_FDCWD : frames_.back().directory.get();
    if (::unlinkat(above, done.name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return;
    if ((errno != ENOTEMPTY && errno != EEXIST) || done.listings >= kMaxListings) fail(errno, done.name);
    done.entries = list_directory(done.directory.get());
    done.next = 0;
    ++done.listings;
    frames_.push_back(std::move(done));
  }

  /// Opens the directory above `below` again, unless the tree was moved under our feet.
  void reopen(Frame& frame, int below) {
    Fd parent(::openat(below, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!parent) fail(errno, frame.name);
    if (!(identify(parent.get()) == frame.identity)) fail(EBUSY, frame.name);
    frame.directory = std::move(parent);
  }

  const std::filesystem::path& path_;
  std::vector<Frame> frames_;
};

}  // namespace

void remove_tree(const std::filesystem::path& path) {
  TreeRemoval(path).run();
}

}  // namespace util
