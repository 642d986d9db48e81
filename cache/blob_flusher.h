#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>

#include "util/error.h"
#include "util/fd.h"

namespace cache {

/// Brings files of blobs onto the disk, large ones on a thread of its own, while the program goes on. A blob that the disk
/// does not take is dropped from the store. Thread-safe.
class BlobFlusher {
 public:
  BlobFlusher() = default;
  BlobFlusher(const BlobFlusher&) = delete;
  /// Waits for the disk, and warns of what it did not take if `wait` has told nobody.
  ~BlobFlusher();
  /// `fd`: the file of `size` bytes, which is at `path`.
  void add(util::Fd fd, std::filesystem::path path, std::uint64_t size);
  /// Returns when all that was added is on the disk. Throws util::Error when something could not be brought there.
  void wait();

 private:
  struct Item {
    util::Fd fd;
    std::filesystem::path path;
  };
  void run(const std::stop_token& stop);
  /// Flushes what waits, and waits for what others flush.
  void flush_all(std::unique_lock<std::mutex>& lock);
  /// Takes out the first that waits, and lets go of the lock meanwhile.
  void flush_next(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;  // of what follows; a condition variable waits on it
  std::condition_variable_any changed_;
  std::deque<Item> waiting_;
  int busy_ = 0;  ///< files that are being flushed
  std::optional<util::SystemError> failure_;
  bool told_ = false;  ///< somebody got the failure
  std::jthread thread_;
};

}  // namespace cache
