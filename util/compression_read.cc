#include <zstd.h>

#include <utility>

#include "util/compression.h"
#include "util/compression_input.h"
#include "util/compression_isal.h"

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
      return compression::make_gzip_reader(std::move(input), find_isal());
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
