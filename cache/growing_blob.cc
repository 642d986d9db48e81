#include "cache/growing_blob.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "util/error.h"

namespace cache {

bool GrowingBlob::start(const util::Fd& file) {
  std::lock_guard lock(mutex_);
  if (phase_ != Phase::expected) return false;
  file_ = util::Fd(::fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  if (!file_) util::throw_errno("duplicate file descriptor");
  phase_ = Phase::growing;
  return true;
}

void GrowingBlob::grow(std::uint64_t size) {
  {
    std::lock_guard lock(mutex_);
    size_ = size;
  }
  changed_.notify_all();
}

void GrowingBlob::end(bool complete) {
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::complete || phase_ == Phase::given_up) return;
    phase_ = complete ? Phase::complete : Phase::given_up;
  }
  changed_.notify_all();
}

std::size_t GrowingBlob::read(std::uint64_t position, std::span<std::byte> buffer, const std::stop_token& stop) {
  std::uint64_t there = 0;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, stop, [&] { return size_ > position || phase_ == Phase::complete || phase_ == Phase::given_up; });
    if (stop.stop_requested()) throw util::Cancelled();
    if (phase_ == Phase::given_up) throw util::Error("read a blob while it arrives: it did not arrive");
    if (size_ <= position && phase_ == Phase::complete) return 0;
    there = size_ - position;
  }
  buffer = buffer.first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), there)));
  const std::size_t count =
      util::with_context("read a blob while it arrives", [&] { return util::read_at(file_.get(), position, buffer); });
  if (count == 0) throw util::Error("read a blob while it arrives: its file became shorter");
  return count;
}

std::size_t GrowingBlobReader::read(std::span<std::byte> buffer) {
  if (buffer.empty()) return 0;
  const std::size_t count = blob_->read(position_, buffer, stop_);
  position_ += count;
  return count;
}

std::shared_ptr<GrowingBlob> GrowingBlobs::expect(const util::Digest& digest) {
  auto blobs = blobs_.lock();
  std::weak_ptr<GrowingBlob>& entry = (*blobs)[digest];
  std::shared_ptr<GrowingBlob> blob = entry.lock();
  if (!blob) entry = blob = std::make_shared<GrowingBlob>();
  return blob;
}

std::shared_ptr<GrowingBlob> GrowingBlobs::find(const util::Digest& digest) {
  auto blobs = blobs_.lock();
  const auto found = blobs->find(digest);
  return found == blobs->end() ? nullptr : found->second.lock();
}

}  // namespace cache
