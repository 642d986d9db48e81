#include "cache/read_ahead.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace cache {
namespace {

constexpr std::size_t kChunkSize = std::size_t{512} << 10;
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

ReadAhead::Chunk ReadAhead::take_empty() {
  std::unique_lock lock(mutex_);
  emptied_.wait(lock, [&] { return abandoned_ || !empty_.empty() || made_ < kChunks; });
  if (abandoned_) return {};
  if (empty_.empty()) {
    ++made_;
    return {std::make_unique_for_overwrite<std::byte[]>(kChunkSize)};
  }
  Chunk chunk = std::move(empty_.back());
  empty_.pop_back();
  return chunk;
}

void ReadAhead::run() {
  std::exception_ptr failure;
  try {
    for (Chunk chunk; (chunk = take_empty()).bytes != nullptr;) {
      chunk.size = util::read_full(from_, {chunk.bytes.get(), kChunkSize});
      if (chunk.size == 0) break;
      std::lock_guard lock(mutex_);
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
  if (position_ == current_.size) {
    std::unique_lock lock(mutex_);
    if (current_.bytes != nullptr) {
      empty_.push_back(std::exchange(current_, {}));
      emptied_.notify_one();
    }
    position_ = 0;
    filled_.wait(lock, [&] { return !chunks_.empty() || ended_; });
    if (chunks_.empty()) {
      if (failure_) std::rethrow_exception(failure_);
      return 0;
    }
    current_ = std::move(chunks_.front());
    chunks_.pop_front();
  }
  const std::size_t count = std::min(buffer.size(), current_.size - position_);
  std::memcpy(buffer.data(), current_.bytes.get() + position_, count);
  position_ += count;
  return count;
}

}  // namespace cache
