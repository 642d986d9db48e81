#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "util/stream.h"

namespace cache {

/// Reads another reader on a thread of its own, some megabytes ahead, so that decompressing and writing go on at the
/// same time.
class ReadAhead final : public util::Reader {
 public:
  /// `from` is borrowed and not touched by anybody else until this is destroyed.
  explicit ReadAhead(util::Reader& from);
  ~ReadAhead() override;
  /// Rethrows what reading `from` threw.
  std::size_t read(std::span<std::byte> buffer) override;

 private:
  struct Chunk {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
  };

  void run();
  /// Space for the next chunk; empty when nobody wants it any more.
  Chunk take_empty();

  util::Reader& from_;
  std::mutex mutex_;  // of what follows; two condition variables wait on it
  std::condition_variable filled_;
  std::condition_variable emptied_;
  std::deque<Chunk> chunks_;
  std::vector<Chunk> empty_;  ///< used again: fresh memory has to be given and cleared by the kernel each time
  std::size_t made_ = 0;
  std::exception_ptr failure_;
  bool ended_ = false;
  bool abandoned_ = false;
  Chunk current_;             ///< only of the reading side, as is what follows
  std::size_t position_ = 0;  ///< in it
  std::jthread thread_;
};

}  // namespace cache
