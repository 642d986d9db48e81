#include <bzlib.h>
#include <fmt/format.h>
#include <lzma.h>

#include "util/compression.h"
#include "util/compression_input.h"
#include "util/error.h"

namespace util::compression {
namespace {

/// Both libraries count the room in their own types; more than this is filled by another call.
constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;

class Bzip2Reader final : public Reader {
 public:
  explicit Bzip2Reader(std::unique_ptr<Input> input) : input_(std::move(input)) { start(); }
  ~Bzip2Reader() override { BZ2_bzDecompressEnd(&stream_); }
  Bzip2Reader(const Bzip2Reader&) = delete;
  Bzip2Reader& operator=(const Bzip2Reader&) = delete;

  std::size_t read(std::span<std::byte> buffer) override {
    std::size_t produced = 0;
    while (produced == 0 && !buffer.empty()) {
      if (between_streams_ && !next_stream()) break;
      produced = decompress_some(buffer);
    }
    return produced;
  }

 private:
  void start() {
    stream_ = {};
    if (BZ2_bzDecompressInit(&stream_, 0, 0) != BZ_OK) fail("bzip2", "not enough memory");
  }

  bool next_stream() {
    Bytes head = input_->peek(3);
    if (head.empty()) return false;
    if (detect_encoding(head) != Encoding::bzip2) fail("bzip2", "other data follows the end");
    BZ2_bzDecompressEnd(&stream_);
    start();
    between_streams_ = false;
    return true;
  }

  std::size_t decompress_some(std::span<std::byte> buffer) {
    Bytes in = input_->next();
    if (in.empty()) fail("bzip2", "the data is cut off");
    stream_.next_in = const_cast<char*>(reinterpret_cast<const char*>(in.data()));
    stream_.avail_in = static_cast<unsigned>(in.size());
    stream_.next_out = reinterpret_cast<char*>(buffer.data());
    stream_.avail_out = static_cast<unsigned>(std::min(buffer.size(), kMostAtOnce));
    unsigned space = stream_.avail_out;
    int result = BZ2_bzDecompress(&stream_);
    input_->consume(in.size() - stream_.avail_in);
    if (result == BZ_STREAM_END) {
      between_streams_ = true;
    } else if (result != BZ_OK) {
      fail("bzip2", result == BZ_MEM_ERROR ? "not enough memory" : "the data is damaged");
    }
    return space - stream_.avail_out;
  }

  std::unique_ptr<Input> input_;
  bz_stream stream_{};
  bool between_streams_ = false;
};

class XzReader final : public Reader {
 public:
  explicit XzReader(std::unique_ptr<Input> input) : input_(std::move(input)) {
    if (lzma_stream_decoder(&stream_, UINT64_MAX, LZMA_CONCATENATED) != LZMA_OK) fail("xz", "not enough memory");
  }
  ~XzReader() override { lzma_end(&stream_); }
  XzReader(const XzReader&) = delete;
  XzReader& operator=(const XzReader&) = delete;

  std::size_t read(std::span<std::byte> buffer) override {
    const std::size_t space = std::min(buffer.size(), kMostAtOnce);
    stream_.next_out = reinterpret_cast<std::uint8_t*>(buffer.data());
    stream_.avail_out = space;
    while (!ended_ && stream_.avail_out == space && space > 0) {
      Bytes in = input_->next();
      stream_.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
      stream_.avail_in = in.size();
      // Only the end of the input tells the decoder that no further stream comes.
      lzma_ret result = lzma_code(&stream_, in.empty() ? LZMA_FINISH : LZMA_RUN);
      input_->consume(in.size() - stream_.avail_in);
      if (result == LZMA_STREAM_END) {
        ended_ = true;
      } else if (result != LZMA_OK) {
        fail("xz", cause_of(result));
      }
    }
    return space - stream_.avail_out;
  }

 private:
  static std::string_view cause_of(lzma_ret result) {
    switch (result) {
      case LZMA_BUF_ERROR:
        return "the data is cut off";
      case LZMA_MEM_ERROR:
        return "not enough memory";
      case LZMA_OPTIONS_ERROR:
        return "it uses a filter that this version of liblzma does not know";
      case LZMA_FORMAT_ERROR:
        return "other data follows the end";
      default:
        return "the data is damaged";
    }
  }

  std::unique_ptr<Input> input_;
  lzma_stream stream_ = LZMA_STREAM_INIT;
  bool ended_ = false;
};

}  // namespace

void fail(std::string_view encoding, std::string_view cause) {
  throw Error(fmt::format("decompress {} data: {}", encoding, cause));
}

std::unique_ptr<Reader> make_bzip2_reader(std::unique_ptr<Input> input) {
  return std::make_unique<Bzip2Reader>(std::move(input));
}

std::unique_ptr<Reader> make_xz_reader(std::unique_ptr<Input> input) {
  return std::make_unique<XzReader>(std::move(input));
}

}  // namespace util::compression
