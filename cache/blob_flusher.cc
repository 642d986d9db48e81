#include "cache/blob_flusher.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "util/log.h"

namespace cache {

namespace {

/// Smaller ones wait for each other: one commit of the file system's journal takes them all.
constexpr std::uint64_t kLarge = std::uint64_t{256} << 10;
/// So many are held open at most.
constexpr std::size_t kMostWaiting = 64;

}  // namespace

BlobFlusher::~BlobFlusher() {
  std::unique_lock lock(mutex_);
  flush_all(lock);
  if (failure_ && !told_) util::log_warning(failure_->message());
}

void BlobFlusher::add(util::Fd fd, std::filesystem::path path, std::uint64_t size) {
  // The disk is given all files at once, not one after the other. A hint: failures show in fsync.
  (void)::sync_file_range(fd.get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  std::unique_lock lock(mutex_);
  waiting_.push_back({std::move(fd), std::move(path)});
  if (size < kLarge && waiting_.size() < kMostWaiting) return;
  try {
    if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
    changed_.notify_all();
  } catch (const std::system_error&) {
    // No thread to be had: `wait` flushes it.
  }
}

void BlobFlusher::wait() {
  std::unique_lock lock(mutex_);
  flush_all(lock);
  if (!failure_) return;
  told_ = true;
  throw util::SystemError(*failure_);
}

void BlobFlusher::flush_all(std::unique_lock<std::mutex>& lock) {
  while (!waiting_.empty() || busy_ > 0) {
    if (waiting_.empty()) {
      changed_.wait(lock);
    } else {
      flush_next(lock);
    }
  }
}

void BlobFlusher::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stop, [&] { return !waiting_.empty(); })) flush_next(lock);
}

void BlobFlusher::flush_next(std::unique_lock<std::mutex>& lock) {
  const Item item = std::move(waiting_.front());
  waiting_.pop_front();
  ++busy_;
  lock.unlock();
  const int code = ::fsync(item.fd.get()) == 0 ? 0 : errno;
  if (code != 0) ::unlink(item.path.c_str());
  lock.lock();
  if (code != 0) failure_.emplace(fmt::format("flush blob `{}`, which is dropped", item.path.filename().native()), code);
  --busy_;
  changed_.notify_all();
}

}  // namespace cache
