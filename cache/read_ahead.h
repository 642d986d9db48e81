#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
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
  void run();

  util::Reader& from_;
  std::mutex mutex_;  // of what follows; two condition variables wait on it
  std::condition_variable filled_;
  std::condition_variable emptied_;
  std::deque<std::vector<std::byte>> chunks_;
  std::exception_ptr failure_;
  bool ended_ = false;
  bool abandoned_ = false;
  std::size_t position_ = 0;  ///< in the first chunk
  std::jthread thread_;
};

}  // namespace cache
