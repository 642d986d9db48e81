#include "exporter/output_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <utility>

#include "util/error.h"
#include "util/fs.h"
#include "util/log.h"

namespace exporter {
namespace {

constexpr std::size_t kLongestName = 200;  // of the 255 bytes that a file name may have

/// What the names of unfinished directories for `path` begin with.
std::string unfinished_prefix(const std::filesystem::path& path) {
  return fmt::format(".tmp-{}-", path.filename().native().substr(0, kLongestName));
}

/// A directory of ours that nobody is writing to. The descriptor holds its lock.
util::Fd lock_leftover(const std::filesystem::path& path) {
  util::Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat opened = {}, named = {};
  if (!fd || ::fstat(fd.get(), &opened) != 0 || opened.st_uid != ::geteuid()) return {};
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return {};
  // Its writer may have finished, and renamed it, while we were looking.
  const bool same = ::lstat(path.c_str(), &named) == 0 && named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
  return same ? std::move(fd) : util::Fd();
}

void remove_leftovers(const std::filesystem::path& path) {
  const std::string prefix = unfinished_prefix(path);
  try {
    for (const auto& entry : std::filesystem::directory_iterator(path.parent_path())) {
      const std::string name = entry.path().filename();
      if (name.size() != prefix.size() + 6 || !name.starts_with(prefix)) continue;
      if (const util::Fd lock = lock_leftover(entry.path())) util::remove_tree(entry.path());
    }
  } catch (const std::exception& error) {
    util::log_warning(fmt::format("remove what an export left behind: {}", error.what()));
  }
}

}  // namespace

util::Fd lock_directory(const std::filesystem::path& directory) {
  util::Fd lock = util::open_file(directory, O_RDONLY | O_DIRECTORY);
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) util::throw_errno(fmt::format("lock `{}`", directory.string()));
  }
  return lock;
}

OutputDirectory::OutputDirectory(std::filesystem::path path) : path_(std::move(path)) {
  util::make_directories(path_.parent_path());
  remove_leftovers(path_);
  struct stat status = {};
  do {  // until it is locked another process may take it for a leftover
    temporary_.emplace(path_.parent_path(), unfinished_prefix(path_));
    lock_ = util::Fd(::open(temporary_->path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!lock_ && errno != ENOENT) util::throw_errno(fmt::format("open `{}`", temporary_->path().string()));
  } while (!lock_ || ::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0 || ::lstat(temporary_->path().c_str(), &status) != 0);
}

void OutputDirectory::finish() {
  std::filesystem::permissions(temporary_->path(), std::filesystem::perms(0755));
  if (::rename(temporary_->path().c_str(), path_.c_str()) != 0) {
    util::throw_errno(fmt::format("create `{}`", path_.string()));
  }
  (void)temporary_->release();
}

}  // namespace exporter
