#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>

#include "util/fd.h"

namespace util {

enum class LockMode { shared, exclusive };

/// An flock(2) on a file that is created when missing. Released by the destructor, and by the kernel
/// when the process dies. The lock file itself stays.
class [[nodiscard]] FileLock {
 public:
  /// Waits (polling, so that `stop` is honoured within 20 ms). Throws Cancelled, SystemError.
  static FileLock acquire(const std::filesystem::path& path, LockMode mode, std::stop_token stop = {});
  /// nullopt when another process holds it in a conflicting mode.
  static std::optional<FileLock> try_acquire(const std::filesystem::path& path, LockMode mode);
  int fd() const noexcept { return fd_.get(); }

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace util
