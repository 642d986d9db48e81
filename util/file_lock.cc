#include "util/file_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "util/error.h"

namespace util {
namespace {

bool try_lock(int fd, const std::filesystem::path& path, LockMode mode) {
  int operation = (mode == LockMode::shared ? LOCK_SH : LOCK_EX) | LOCK_NB;
  while (::flock(fd, operation) < 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) throw_errno(fmt::format("lock `{}`", path.native()));
  }
  return true;
}

Fd open_lock_file(const std::filesystem::path& path) {
  return open_file(path, O_RDWR | O_CREAT, 0644);
}

/// Polls, so that `stop` is honoured.
void wait_for_lock(int fd, const std::filesystem::path& path, LockMode mode, const std::stop_token& stop) {
  using namespace std::chrono_literals;
  std::mutex mutex;  // only what condition_variable_any asks for: there is no shared data
  std::condition_variable_any wake;
  auto pause = 1ms;
  while (true) {
    if (stop.stop_requested()) throw Cancelled();
    if (try_lock(fd, path, mode)) return;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, pause, [] { return false; });
    pause = std::min(pause * 2, std::chrono::milliseconds(20ms));
  }
}

}  // namespace

FileLock FileLock::acquire(const std::filesystem::path& path, LockMode mode, std::stop_token stop) {
  Fd fd = open_lock_file(path);
  wait_for_lock(fd.get(), path, mode, stop);
  return FileLock(std::move(fd));
}

bool FileLock::try_convert(LockMode mode) {
  return try_lock(fd_.get(), "of the cache", mode);
}

void FileLock::convert(LockMode mode, std::stop_token stop) {
  wait_for_lock(fd_.get(), "of the cache", mode, stop);
}

std::optional<FileLock> FileLock::try_acquire(const std::filesystem::path& path, LockMode mode) {
  Fd fd = open_lock_file(path);
  if (!try_lock(fd.get(), path, mode)) return std::nullopt;
  return FileLock(std::move(fd));
}

}  // namespace util
