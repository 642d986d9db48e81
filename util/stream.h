#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "util/digest.h"
#include "util/fd.h"

namespace util {

using Bytes = std::span<const std::byte>;

/// Room for bytes, with nothing in it yet: pages that are never used are never touched. Like a pointer, a constant one may be
/// written through.
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t size) : bytes_(std::make_unique_for_overwrite<std::byte[]>(size)), size_(size) {}
  Buffer(Buffer&& other) noexcept : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    bytes_ = std::move(other.bytes_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  std::byte* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::byte* begin() const { return data(); }
  std::byte* end() const { return data() + size_; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_ = 0;
};

inline Bytes as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

/// A source of bytes. Not thread-safe.
class Reader {
 public:
  virtual ~Reader() = default;
  /// Fills at most `buffer.size()` bytes; 0 means the end. Throws Error.
  virtual std::size_t read(std::span<std::byte> buffer) = 0;
};

/// A sink of bytes. Not thread-safe. `finish` completes the stream (trailers, flushes) and must be
/// called once for the output to be valid; destroying an unfinished writer discards.
class Writer {
 public:
  virtual ~Writer() = default;
  virtual void write(Bytes data) = 0;
  virtual void finish() {}
};

/// A source whose bytes are in memory already.
class BlockReader : public Reader {
 public:
  /// The next bytes, where they are; good until the next call. None means the end. Throws Error.
  virtual Bytes next_block() = 0;
};

/// Reads a descriptor from its current position; owning or borrowing. With a `stop` that may come, it does not wait
/// longer than that for a pipe or terminal that gives nothing (throws Cancelled); the descriptor may be non-blocking.
class FdReader final : public Reader {
 public:
  explicit FdReader(Fd fd, std::stop_token stop = {})
      : owned_(std::move(fd)), fd_(owned_.get()), stop_(std::move(stop)) {}
  explicit FdReader(int borrowed, std::stop_token stop = {}) : fd_(borrowed), stop_(std::move(stop)) {}
  std::size_t read(std::span<std::byte> buffer) override;

 private:
  void wait_until_readable() const;

  Fd owned_;
  int fd_;
  std::stop_token stop_;
};

/// Reads a string that it owns.
class StringReader final : public Reader {
 public:
  explicit StringReader(std::string text) : text_(std::move(text)) {}
  std::size_t read(std::span<std::byte> buffer) override;

 private:
  std::string text_;
  std::size_t position_ = 0;
};

/// Writes to a borrowed descriptor.
class FdWriter final : public Writer {
 public:
  explicit FdWriter(int fd) : fd_(fd) {}
  void write(Bytes data) override;

 private:
  int fd_;
};

class StringWriter final : public Writer {
 public:
  void write(Bytes data) override;
  const std::string& text() const { return text_; }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

/// A sink that hashes what is written to it anyway: nobody in front of it needs to.
class DigestWriter : public Writer {
 public:
  /// Digest of what was written; nothing is written after the first call.
  virtual Digest digest() = 0;
};

/// The same of a source: nobody behind it needs to hash what it gives.
class DigestReader : public Reader {
 public:
  /// Digest of what was read; nothing is read after the first call.
  virtual Digest digest() = 0;
};

/// Passes on to another writer, hashing and counting what went through.
class HashingWriter final : public DigestWriter {
 public:
  explicit HashingWriter(Writer& next) : next_(next) {}
  void write(Bytes data) override;
  void finish() override { next_.finish(); }
  /// May be called once.
  Digest digest() override { return hash_.finish(); }
  std::uint64_t count() const { return count_; }

  /// `part` wants `data` as well, which is going to be the next that is written: both hashes then take it in one pass
  /// (update_both). Until then, or until `settle`, neither may change.
  void share(Sha256& part, Bytes data);
  /// `part` takes what was not written after all.
  void settle();

 private:
  Writer& next_;
  Sha256 hash_;
  std::uint64_t count_ = 0;
  Sha256* part_ = nullptr;
  Bytes shared_;
};

/// Reads until `buffer` is full or the stream ends; returns the bytes read.
std::size_t read_full(Reader& from, std::span<std::byte> buffer);
/// Copies to the end; returns the bytes copied.
std::uint64_t copy(Reader& from, Writer& to);
/// The rest as a string. Throws Error when longer than `limit` bytes.
std::string read_all(Reader& from, std::size_t limit = std::size_t{1} << 30);

}  // namespace util
