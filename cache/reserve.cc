#include "cache/reserve.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "util/error.h"
#include "util/fd.h"
#include "util/log.h"

namespace cache {
namespace {

namespace fs = std::filesystem;

fs::path file_of(const fs::path& root) { return root / "reserve"; }

bool is_there(const fs::path& file) {
  struct stat status = {};
  return ::stat(file.c_str(), &status) == 0 && static_cast<std::uint64_t>(status.st_size) >= kReserveSize;
}

bool has_room(const fs::path& root) {
  struct statvfs status = {};
  return ::statvfs(root.c_str(), &status) == 0 && std::uint64_t{status.f_bavail} * status.f_frsize >= 16 * kReserveSize;
}

void set_aside(const fs::path& file) noexcept {
  try {
    const util::Fd fd = util::open_file(file, O_WRONLY | O_CREAT, 0600);
    if (::fallocate(fd.get(), 0, 0, static_cast<off_t>(kReserveSize)) == 0) return;
    const int code = errno;
    ::unlink(file.c_str());
    throw util::SystemError(fmt::format("set room aside in `{}`", file.native()), code);
  } catch (const std::exception& error) {
    util::log_debug(error.what());
  }
}

}  // namespace

void make_reserve(const fs::path& root) noexcept {
  if (const fs::path file = file_of(root); !is_there(file) && has_room(root)) set_aside(file);
}

ReleasedReserve::ReleasedReserve(fs::path root) noexcept
    : root_(std::move(root)), was_there_(::unlink(file_of(root_).c_str()) == 0) {}

ReleasedReserve::~ReleasedReserve() {
  // What was set aside before is so again, although little may be free: else `du` would use up what `prune` needs.
  if (was_there_) set_aside(file_of(root_));
  make_reserve(root_);
}

}  // namespace cache
