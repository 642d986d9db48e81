#include "cache/read_ahead.h"

#include <algorithm>
#include <utility>

namespace cache {
namespace {

constexpr std::size_t kChunkSize = 512 * 1024;
constexpr std::size_t kChunks = 8;

}  // namespace

ReadAhead::ReadAhead(util::Reader& from) : from_(from), thread_([this] { run(); }) {}

ReadAhead::~ReadAhead() {
  {
    std::lock_guard lock(mutex_);
    abandoned_ = true;
  }
  emptied_.notify_all();
}

void ReadAhead::run() {
  std::exception_ptr failure;
  try {
    while (true) {
      std::vector<std::byte> chunk(kChunkSize);
      std::size_t size = 0;
      while (size < chunk.size()) {
        std::size_t count = from_.read(std::span(chunk).subspan(size));
        if (count == 0) break;
        size += count;
      }
      if (size == 0) break;
      chunk.resize(size);
      std::unique_lock lock(mutex_);
      emptied_.wait(lock, [&] { return abandoned_ || chunks_.size() < kChunks; });
      if (abandoned_) return;
      chunks_.push_back(std::move(chunk));
      filled_.notify_one();
    }
  } catch (...) {
    failure = std::current_exception();
  }
  std::lock_guard lock(mutex_);
  failure_ = failure;
  ended_ = true;
  filled_.notify_one();
}

std::size_t ReadAhead::read(std::span<std::byte> buffer) {
  std::unique_lock lock(mutex_);
  filled_.wait(lock, [&] { return !chunks_.empty() || ended_; });
  if (chunks_.empty()) {
    if (failure_) std::rethrow_exception(failure_);
    return 0;
  }
  std::vector<std::byte>& chunk = chunks_.front();
  lock.unlock();
  // Only this side takes chunks out, so the first one stays while the lock is open.
  std::size_t count = std::min(buffer.size(), chunk.size() - position_);
  std::copy_n(chunk.begin() + static_cast<std::ptrdiff_t>(position_), count, buffer.begin());
  position_ += count;
  if (position_ == chunk.size()) {
    lock.lock();
    chunks_.pop_front();
    position_ = 0;
    emptied_.notify_one();
  }
  return count;
}

}  // namespace cache
