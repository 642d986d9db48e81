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
  /// Changes the mode of the lock without waiting. False when others are in the way: then it is not held any more, in
  /// either mode. Not atomic: another process may get the lock in between. Throws SystemError.
  [[nodiscard]] bool try_convert(LockMode mode);
  /// The same, waiting. Throws Cancelled (the lock is not held then), SystemError.
  void convert(LockMode mode, std::stop_token stop = {});
  int fd() const noexcept { return fd_.get(); }

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace util
