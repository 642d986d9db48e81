#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <utility>

#include "util/compression.h"
#include "util/compression_input.h"

namespace util {
namespace {

using compression::fail;
using compression::Input;

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

}  // namespace

std::unique_ptr<Reader> make_decompressor(Reader& from) {
  auto input = std::make_unique<Input>(from);
  switch (detect_encoding(input->peek(6))) {
    case Encoding::gzip:
      return std::make_unique<GzipReader>(std::move(input));
    case Encoding::zstd:
      return std::make_unique<ZstdReader>(std::move(input));
    case Encoding::bzip2:
      return compression::make_bzip2_reader(std::move(input));
    case Encoding::xz:
      return compression::make_xz_reader(std::move(input));
    case Encoding::identity:
      break;
  }
  return std::make_unique<IdentityReader>(std::move(input));
}

}  // namespace util
