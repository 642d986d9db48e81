#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>

#include "util/digest.h"
#include "util/fd.h"
#include "util/stream.h"
#include "util/sync.h"

namespace cache {

/// A blob that somebody writes while somebody else reads it: the one side says how far it is, the other waits for
/// that. Thread-safe.
class GrowingBlob {
 public:
  GrowingBlob() = default;
  GrowingBlob(const GrowingBlob&) = delete;
  /// `file`: the writer's, borrowed (it is duplicated). False when there was a writer before: what it wrote and what this one
  /// is going to write may differ. Throws util::Error.
  bool start(const util::Fd& file);
  /// So many bytes are in the file now.
  void grow(std::uint64_t size);
  /// Nothing more will come. `complete`: it is all there, and has the digest that was expected. Only the first call counts.
  void end(bool complete);
  /// Waits for bytes at `position`; 0 = the end of a complete blob. Throws util::Error when the writer gave up, and
  /// util::Cancelled.
  std::size_t read(std::uint64_t position, std::span<std::byte> buffer, const std::stop_token& stop);

 private:
  enum class Phase { expected, growing, complete, given_up };

  std::mutex mutex_;  // of what follows; a condition variable waits on it
  std::condition_variable_any changed_;
  util::Fd file_;
  std::uint64_t size_ = 0;
  Phase phase_ = Phase::expected;
};

/// Reads a growing blob from its first byte to its end.
class GrowingBlobReader final : public util::Reader {
 public:
  GrowingBlobReader(std::shared_ptr<GrowingBlob> blob, std::stop_token stop)
      : blob_(std::move(blob)), stop_(std::move(stop)) {}
  std::size_t read(std::span<std::byte> buffer) override;

 private:
  std::shared_ptr<GrowingBlob> blob_;
  std::stop_token stop_;
  std::uint64_t position_ = 0;
};

/// The blobs that readers of this process wait for. Thread-safe.
class GrowingBlobs {
 public:
  std::shared_ptr<GrowingBlob> expect(const util::Digest& digest);
  /// Null when nobody waits for it.
  std::shared_ptr<GrowingBlob> find(const util::Digest& digest);

 private:
  util::Sync<std::map<util::Digest, std::weak_ptr<GrowingBlob>>> blobs_;
};

}  // namespace cache
