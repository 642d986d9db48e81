#pragma once

#include <functional>
#include <memory>

#include "util/stream.h"

namespace util {

/// Reads what a function writes, which runs on a thread of its own as fast as it is read: for whoever has a Writer's worth of
/// bytes where a Reader is asked for. An exception of the function is thrown by `read` in place of the end, so that what was
/// cut is never taken for whole. The destructor lets the function fail at its next write, and waits for it.
class PipedReader final : public Reader {
 public:
  explicit PipedReader(std::function<void(Writer&)> write);
  ~PipedReader() override;
  std::size_t read(std::span<std::byte> buffer) override;
  /// The descriptor that `read` reads, for a program to read it instead; then `finish` says how it went.
  int fd() const;
  /// Closes our end and waits for the function. Throws what it threw, unless that was only for the closed end.
  void finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace util
