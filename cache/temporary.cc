#include "cache/temporary.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fs.h"
#include "util/log.h"
#include "util/temp.h"

namespace cache {
namespace {

/// The directory, locked; nothing if somebody holds it or it is gone.
util::Fd lock_directory(const std::filesystem::path& path) {
  util::Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return {};
  struct stat held = {};
  struct stat named = {};
  if (::fstat(fd.get(), &held) != 0 || ::stat(path.c_str(), &named) != 0 || held.st_ino != named.st_ino) return {};
  return fd;
}

}  // namespace

ProcessTemporary::ProcessTemporary(const std::filesystem::path& parent) {
  // Between being made and being locked it looks like a leftover, and a process that starts now may sweep it.
  for (int attempt = 0; !lock_ && attempt < 100; ++attempt) {
    path_ = util::TempDir(parent, fmt::format("{}-", ::getpid())).release();
    lock_ = lock_directory(path_);
  }
  if (!lock_)
    throw util::Error(
        fmt::format("make a temporary directory in `{}`: it is deleted again and again", parent.native()));
  sweep(parent);
}

ProcessTemporary::~ProcessTemporary() {
  // A build that found everything in the cache has put nothing there.
  if (::rmdir(path_.c_str()) == 0) return;
  try {
    util::remove_tree(path_);
  } catch (const std::exception& error) {
    util::log_warning(error.what());
  }
}

void ProcessTemporary::sweep(const std::filesystem::path& parent) noexcept {
  try {
    for (const std::filesystem::directory_entry& entry : std::filesystem::directory_iterator(parent)) {
      if (entry.path() == path_) continue;
      if (util::Fd lock = lock_directory(entry.path())) util::remove_tree(entry.path());
    }
  } catch (const std::exception& error) {
    util::log_warning(fmt::format("sweep leftovers: {}", error.what()));
  }
}

}  // namespace cache
