#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <utility>
#include <vector>

#include "util/compression.h"
#include "util/error.h"

namespace util {
namespace {

constexpr std::size_t kInputBuffer = std::size_t{128} << 10;

/// The source with its first bytes, which were read to detect the encoding, put back in front.
class Input {
 public:
  explicit Input(Reader& from) : from_(from), buffer_(kInputBuffer) {}

  /// Reads until `count` bytes are there or the source ends, and shows what is there.
  Bytes peek(std::size_t count) {
    if (buffer_.size() - begin_ < count) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, available());
      end_ -= std::exchange(begin_, 0);
    }
    while (available() < count && !ended_) fill();
    return rest();
  }
  /// At least one unread byte, or nothing at the end.
  Bytes next() {
    if (available() == 0 && !ended_) {
      begin_ = end_ = 0;
      fill();
    }
    return rest();
  }
  void consume(std::size_t count) { begin_ += count; }
  std::size_t read(std::span<std::byte> to) {
    // Large reads of unchanged bytes need no second buffer.
    if (available() == 0) return ended_ ? 0 : from_.read(to);
    std::size_t count = std::min(to.size(), available());
    std::memcpy(to.data(), buffer_.data() + begin_, count);
    consume(count);
    return count;
  }

 private:
  std::size_t available() const { return end_ - begin_; }
  Bytes rest() const { return Bytes(buffer_).subspan(begin_, available()); }
  void fill() {
    std::size_t count = from_.read(std::span(buffer_).subspan(end_));
    if (count == 0) ended_ = true;
    end_ += count;
  }

  Reader& from_;
  std::vector<std::byte> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  bool ended_ = false;
};

[[noreturn]] void fail(std::string_view encoding, std::string_view cause) {
  throw Error(fmt::format("decompress {} data: {}", encoding, cause));
}

class IdentityReader final : public Reader {
 public:
  explicit IdentityReader(std::unique_ptr<Input> input) : input_(std::move(input)) {}
  std::size_t read(std::span<std::byte> buffer) override { return input_->read(buffer); }

 private:
  std::unique_ptr<Input> input_;
};

class GzipReader final : public Reader {
 public:
  explicit GzipReader(std::unique_ptr<Input> input) : input_(std::move(input)) {
    // 15 bits of window, +16: gzip wrapper with its checksum.
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) fail("gzip", "not enough memory");
  }
  ~GzipReader() override { inflateEnd(&stream_); }
  GzipReader(const GzipReader&) = delete;

  std::size_t read(std::span<std::byte> buffer) override {
    std::size_t produced = 0;
    while (produced == 0 && !done_ && !buffer.empty()) {
      if (between_members_ && !start_member()) break;
      produced = inflate_some(buffer);
    }
    return produced;
  }

 private:
  std::size_t inflate_some(std::span<std::byte> buffer) {
    Bytes in = input_->next();
    if (in.empty()) fail("gzip", "the data is cut off");
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(buffer.size(), 1U << 30));
    uInt space = stream_.avail_out;
    int result = inflate(&stream_, Z_NO_FLUSH);
    input_->consume(in.size() - stream_.avail_in);
    if (result == Z_STREAM_END) {
      between_members_ = true;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      fail("gzip", stream_.msg != nullptr ? stream_.msg : "the data is damaged");
    }
    return space - stream_.avail_out;
  }

  /// After a member: the next one, or the end. Zero bytes are padding of tapes and block devices.
  bool start_member() {
    Bytes in;
    while (!(in = input_->next()).empty() && in.front() == std::byte{0}) {
      padded_ = true;
      input_->consume(1);
    }
    done_ = in.empty();
    if (done_) return false;
    if (padded_ || detect_encoding(input_->peek(3)) != Encoding::gzip) fail("gzip", "other data follows the end");
    inflateReset(&stream_);
    between_members_ = false;
    return true;
  }

  std::unique_ptr<Input> input_;
  z_stream stream_{};
  bool between_members_ = false;
  bool padded_ = false;
  bool done_ = false;
};

class ZstdReader final : public Reader {
 public:
  explicit ZstdReader(std::unique_ptr<Input> input) : input_(std::move(input)), context_(ZSTD_createDCtx()) {
    if (!context_) fail("zstd", "not enough memory");
  }

  std::size_t read(std::span<std::byte> buffer) override {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    while (out.pos == 0 && !buffer.empty()) {
      Bytes bytes = input_->next();
      // Output that did not fit the last time comes without more input.
      if (bytes.empty() && !output_waiting_) {
        if (in_frame_) fail("zstd", "the data is cut off");
        break;
      }
      ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
      std::size_t result = ZSTD_decompressStream(context_.get(), &out, &in);
      if (ZSTD_isError(result)) fail("zstd", ZSTD_getErrorName(result));
      input_->consume(in.pos);
      in_frame_ = result != 0;
      output_waiting_ = in_frame_ && out.pos == out.size;
    }
    return out.pos;
  }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* c) const { ZSTD_freeDCtx(c); }
  };
  std::unique_ptr<Input> input_;
  std::unique_ptr<ZSTD_DCtx, Free> context_;
  bool in_frame_ = false;
  bool output_waiting_ = false;
};

/// bzip2 and xz: libarchive with the filter given and the "raw" format, which has one member: the data.
class ArchiveFilterReader final : public Reader {
 public:
  ArchiveFilterReader(std::unique_ptr<Input> input, int filter, std::string_view name)
      : input_(std::move(input)), name_(name), archive_(archive_read_new()) {
    if (!archive_) fail(name_, "not enough memory");
    require(archive_read_append_filter(archive_.get(), filter));
    require(archive_read_support_format_raw(archive_.get()));
    require(archive_read_support_format_empty(archive_.get()));
    require(archive_read_open(archive_.get(), this, nullptr, &ArchiveFilterReader::feed, nullptr));
    // Opening already decodes a first piece; damage found there only leaves an error and looks like no data at all.
    if (archive_errno(archive_.get()) != 0) require(ARCHIVE_FATAL);
    archive_entry* entry = nullptr;
    int result = archive_read_next_header(archive_.get(), &entry);
    ended_ = result == ARCHIVE_EOF;
    if (!ended_) require(result);
  }

  std::size_t read(std::span<std::byte> buffer) override {
    if (ended_) return 0;
    la_ssize_t count = archive_read_data(archive_.get(), buffer.data(), buffer.size());
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if (count < 0) require(ARCHIVE_FATAL);
    return static_cast<std::size_t>(count);
  }

 private:
  void require(int result) {
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if (result == ARCHIVE_OK || result == ARCHIVE_WARN) return;
    fail(name_, "the data is damaged or cut off");
  }

  static la_ssize_t feed(archive* a, void* self_pointer, const void** data) noexcept {
    auto* self = static_cast<ArchiveFilterReader*>(self_pointer);
    try {
      // The block handed out last has been used up when the next one is asked for.
      self->input_->consume(std::exchange(self->lent_, 0));
      Bytes bytes = self->input_->next();
      self->lent_ = bytes.size();
      *data = bytes.data();
      return static_cast<la_ssize_t>(bytes.size());
    } catch (...) {
      self->failure_ = std::current_exception();
      archive_set_error(a, EIO, "reading failed");
      return ARCHIVE_FATAL;
    }
  }

  struct Free {
    void operator()(archive* a) const { archive_read_free(a); }
  };
  std::unique_ptr<Input> input_;
  std::string_view name_;
  std::size_t lent_ = 0;
  std::exception_ptr failure_;
  std::unique_ptr<archive, Free> archive_;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<Reader> make_decompressor(Reader& from) {
  auto input = std::make_unique<Input>(from);
  switch (detect_encoding(input->peek(6))) {
    case Encoding::gzip:
      return std::make_unique<GzipReader>(std::move(input));
    case Encoding::zstd:
      return std::make_unique<ZstdReader>(std::move(input));
    case Encoding::bzip2:
      // libarchive takes anything shorter than the shortest stream for no data at all.
      if (input->peek(14).size() < 14) fail("bzip2", "the data is cut off");
      return std::make_unique<ArchiveFilterReader>(std::move(input), ARCHIVE_FILTER_BZIP2, "bzip2");
    case Encoding::xz:
      return std::make_unique<ArchiveFilterReader>(std::move(input), ARCHIVE_FILTER_XZ, "xz");
    case Encoding::identity:
      break;
  }
  return std::make_unique<IdentityReader>(std::move(input));
}

}  // namespace util
