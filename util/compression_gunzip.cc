#include <zlib.h>

#include <algorithm>
#include <utility>

#include "util/compression.h"
#include "util/compression_input.h"
#include "util/compression_isal.h"

namespace util::compression {
namespace {

constexpr std::size_t kMostAtOnce = std::size_t{1} << 30;  // both libraries count in 32 bits

/// Decompresses one gzip member at a time and compares its checksum and length.
class Inflater {
 public:
  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
    bool member_ended = false;
  };
  virtual ~Inflater() = default;
  /// Throws Error when the data is damaged. A step without input gives what was held back for want of space.
  virtual Step step(Bytes in, std::span<std::byte> out) = 0;
  /// To be called between members.
  virtual void reset() = 0;
};

/// More than twice as fast as zlib.
class IsalInflater final : public Inflater {
 public:
  explicit IsalInflater(const IsalLibrary& library)
      : library_(library), state_(std::make_unique_for_overwrite<inflate_state>()) {
    library_.inflate_init(state_.get());
    state_->crc_flag = ISAL_GZIP;
  }

  Step step(Bytes in, std::span<std::byte> out) override {
    state_->next_in = const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(in.data()));
    state_->avail_in = static_cast<std::uint32_t>(in.size());
    state_->next_out = reinterpret_cast<std::uint8_t*>(out.data());
    state_->avail_out = static_cast<std::uint32_t>(out.size());
    const int result = library_.inflate(state_.get());
    if (result == ISAL_INCORRECT_CHECKSUM) fail("gzip", "incorrect data check");
    if (result < ISAL_DECOMP_OK) fail("gzip", "the data is damaged");
    return {in.size() - state_->avail_in, out.size() - state_->avail_out, state_->block_state == ISAL_BLOCK_FINISH};
  }
  void reset() override {
    library_.inflate_reset(state_.get());
    state_->crc_flag = ISAL_GZIP;
  }

 private:
  const IsalLibrary& library_;
  std::unique_ptr<inflate_state> state_;  // 90 KB
};

class ZlibInflater final : public Inflater {
 public:
  ZlibInflater() {
    // 15 bits of window, +16: gzip wrapper with its checksum.
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) fail("gzip", "not enough memory");
  }
  ~ZlibInflater() override { inflateEnd(&stream_); }
  ZlibInflater(const ZlibInflater&) = delete;

  Step step(Bytes in, std::span<std::byte> out) override {
    stream_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));
    stream_.avail_in = static_cast<uInt>(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_BUF_ERROR && result != Z_STREAM_END) {
      fail("gzip", stream_.msg != nullptr ? stream_.msg : "the data is damaged");
    }
    return {in.size() - stream_.avail_in, out.size() - stream_.avail_out, result == Z_STREAM_END};
  }
  void reset() override { inflateReset(&stream_); }

 private:
  z_stream stream_{};
};

std::unique_ptr<Inflater> make_inflater(const IsalLibrary* isal) {
  if (isal != nullptr) return std::make_unique<IsalInflater>(*isal);
  return std::make_unique<ZlibInflater>();
}

class GzipReader final : public Reader {
 public:
  GzipReader(std::unique_ptr<Input> input, const IsalLibrary* isal)
      : input_(std::move(input)), inflater_(make_inflater(isal)) {}

  std::size_t read(std::span<std::byte> buffer) override {
    buffer = buffer.first(std::min(buffer.size(), kMostAtOnce));
    std::size_t produced = 0;
    while (produced == 0 && !done_ && !buffer.empty()) {
      if (between_members_ && !start_member()) break;
      produced = inflate_some(buffer);
    }
    return produced;
  }

 private:
  std::size_t inflate_some(std::span<std::byte> buffer) {
    const Bytes in = input_->next();
    const Inflater::Step step = inflater_->step(in, buffer);
    input_->consume(step.consumed);
    between_members_ = step.member_ended;
    const bool moved = step.consumed + step.produced > 0 || step.member_ended;
    if (!moved) fail("gzip", in.empty() ? "the data is cut off" : "the data is damaged");
    return step.produced;
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
    inflater_->reset();
    between_members_ = false;
    return true;
  }

  std::unique_ptr<Input> input_;
  std::unique_ptr<Inflater> inflater_;
  bool between_members_ = false;
  bool padded_ = false;
  bool done_ = false;
};

}  // namespace

std::unique_ptr<Reader> make_gzip_reader(std::unique_ptr<Input> input, const IsalLibrary* isal) {
  return std::make_unique<GzipReader>(std::move(input), isal);
}

}  // namespace util::compression
