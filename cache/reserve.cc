#include "cache/reserve.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <exception>

#include "util/error.h"
#include "util/fd.h"
#include "util/log.h"

namespace cache {
namespace {

namespace fs = std::filesystem;

/// The database needs two, temporaries one each.
constexpr int kInodes = 12;
constexpr std::uint64_t kSmallest = kReserveSize / 16;

fs::path directory_of(const fs::path& root) { return root / "reserve"; }
fs::path blocks_of(const fs::path& root) { return directory_of(root) / "blocks"; }
/// Is there where nothing can be set aside: not every build tries again.
fs::path unsupported_mark(const fs::path& root) { return directory_of(root) / "unsupported"; }
fs::path inode_of(const fs::path& root, int number) { return directory_of(root) / fmt::format("inode-{}", number); }

/// A copy of a cache may have a hole instead.
bool is_whole(const fs::path& root) {
  struct stat status = {};
  return ::stat(blocks_of(root).c_str(), &status) == 0 &&
         static_cast<std::uint64_t>(status.st_blocks) * 512 >= kReserveSize;
}

bool has_room(const fs::path& root) {
  struct statvfs status = {};
  return ::statvfs(root.c_str(), &status) == 0 && std::uint64_t{status.f_bavail} * status.f_frsize >= 16 * kReserveSize;
}

/// All of it, or else the largest part that can be had; false: the file system knows no such thing.
bool allocate(int fd, const fs::path& file) {
  for (std::uint64_t size = kReserveSize;;) {
    if (::fallocate(fd, 0, 0, static_cast<off_t>(size)) == 0) {
      struct stat status = {};
      return ::fstat(fd, &status) == 0 && status.st_blocks > 0;
    }
    if (errno == EINTR) continue;
    if (errno == EOPNOTSUPP) return false;
    if (errno != ENOSPC || size <= kSmallest) util::throw_errno(fmt::format("set room aside in `{}`", file.native()));
    size /= 2;
  }
}

void set_aside(const fs::path& root) noexcept {
  if (::access(unsupported_mark(root).c_str(), F_OK) == 0) return;
  try {
    constexpr int kFlags = O_WRONLY | O_CREAT | O_NOFOLLOW;
    if (::mkdir(directory_of(root).c_str(), 0700) != 0 && errno != EEXIST) {
      util::throw_errno(fmt::format("create `{}`", directory_of(root).native()));
    }
    const util::Fd blocks = util::open_file(blocks_of(root), kFlags, 0600);
    for (int i = 0; i < kInodes; ++i) (void)util::open_file(inode_of(root, i), kFlags, 0600);
    if (!allocate(blocks.get(), blocks_of(root))) (void)util::open_file(unsupported_mark(root), kFlags, 0600);
  } catch (const std::exception& error) {
    util::log_debug(error.what());
  }
}

}  // namespace

void make_reserve(const fs::path& root) noexcept {
  if (!is_whole(root) && has_room(root)) set_aside(root);
}

ReleasedReserve::ReleasedReserve(const fs::path& root) noexcept : root_(root) { give_up(); }

ReleasedReserve::~ReleasedReserve() { take(); }

void ReleasedReserve::take() noexcept {
  // The directory stays while it is given up, so that it is set aside again after a command that was killed, too.
  if (::access(directory_of(root_).c_str(), F_OK) == 0 || has_room(root_)) set_aside(root_);
}

void ReleasedReserve::give_up() noexcept {
  for (int i = 0; i < kInodes; ++i) ::unlink(inode_of(root_, i).c_str());
  const util::Fd blocks(::open(blocks_of(root_).c_str(), O_WRONLY | O_TRUNC | O_NOFOLLOW | O_CLOEXEC));
}

}  // namespace cache
