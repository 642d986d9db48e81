#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "util/compression_encoder.h"
#include "util/compression_isal.h"
#include "util/error.h"
#include "util/stream.h"

namespace util {
namespace {

// What is below is part of the output format: other values mean other bytes for the same layer.

/// The fast level. Of those of ISA-L it is the highest whose output is the same on every x86-64 with SSE 4.2; level 3
/// differs with the vector instructions there are.
constexpr int kFastLevel = 2;

constexpr std::size_t kStoredPiece = 65535;  // longest stored block, RFC 1951 section 3.2.4

void put_little_endian(std::byte* to, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i, value >>= 8) to[i] = static_cast<std::byte>(value);
}

/// No member is longer: stored blocks add the least, and what would take more is stored.
constexpr std::size_t bound(std::size_t size) {
  return size + size / 16 + 4096;
}

/// Writes a member whose blocks are stored; returns its size.
std::size_t store(Bytes run, std::byte* const begin) {
  constexpr std::array<unsigned char, 10> kHeader = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
  std::byte* to = std::transform(kHeader.begin(), kHeader.end(), begin, [](unsigned char c) { return std::byte{c}; });
  for (Bytes rest = run; !rest.empty();) {
    const Bytes piece = rest.first(std::min(rest.size(), kStoredPiece));
    rest = rest.subspan(piece.size());
    *to++ = rest.empty() ? std::byte{1} : std::byte{0};
    put_little_endian(to, piece.size(), 2);
    put_little_endian(to + 2, ~piece.size(), 2);
    to = std::copy(piece.begin(), piece.end(), to + 4);
  }
  put_little_endian(to, libdeflate_crc32(0, run.data(), run.size()), 4);
  put_little_endian(to + 4, run.size(), 4);
  return static_cast<std::size_t>(to + 8 - begin);
}

/// Cuts a chunk into runs of incompressible and other data, each a member.
class GzipEncoder : public ChunkEncoder {
 public:
  Bytes encode(Bytes input, std::vector<std::byte>& space) final {
    std::size_t done = 0;
    DataRuns runs(input);
    do {
      const auto [run, random] = runs.next();
      const std::size_t size = run.size();
      input = input.subspan(size);
      if (space.size() < done + bound(size)) space.resize(done + bound(size) + input.size());
      const std::span<std::byte> to = std::span(space).subspan(done);
      std::size_t written = random ? 0 : compress(run, to);
      if (written == 0) written = store(run, to.data());
      done += written;
    } while (!runs.at_end());
    return Bytes(space).first(done);
  }

 protected:
  /// Writes a member and returns its size; 0 if it does not fit.
  virtual std::size_t compress(Bytes run, std::span<std::byte> to) = 0;
};

/// ISA-L: made for speed.
class FastEncoder final : public GzipEncoder {
 public:
  FastEncoder() { isal().deflate_init(&stream_); }

 private:
  std::size_t compress(Bytes run, std::span<std::byte> to) override {
    isal().deflate_reset(&stream_);
    stream_.level = kFastLevel;
    stream_.level_buf = reinterpret_cast<std::uint8_t*>(memory_.data());
    stream_.level_buf_size = static_cast<std::uint32_t>(memory_.size());
    stream_.gzip_flag = IGZIP_GZIP;
    stream_.end_of_stream = 1;
    stream_.next_in = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(run.data()));
    stream_.avail_in = static_cast<std::uint32_t>(run.size());
    stream_.next_out = reinterpret_cast<std::uint8_t*>(to.data());
    stream_.avail_out = static_cast<std::uint32_t>(to.size());
    if (isal().deflate(&stream_) != COMP_OK) throw Error("compress with gzip: ISA-L failed");
    return stream_.internal_state.state == ZSTATE_END ? stream_.total_out : 0;
  }

  Buffer memory_{ISAL_DEF_LVL2_EXTRA_LARGE};
  isal_zstream stream_;
};

/// libdeflate: smaller output for more time.
class LevelEncoder final : public GzipEncoder {
 public:
  explicit LevelEncoder(int level) : compressor_(libdeflate_alloc_compressor(level)) {
    if (!compressor_) throw Error("start the gzip compressor: not enough memory");
  }

 private:
  std::size_t compress(Bytes run, std::span<std::byte> to) override {
    return libdeflate_gzip_compress(compressor_.get(), run.data(), run.size(), to.data(), to.size());
  }

  struct Free {
    void operator()(libdeflate_compressor* compressor) const { libdeflate_free_compressor(compressor); }
  };
  std::unique_ptr<libdeflate_compressor, Free> compressor_;
};

}  // namespace

std::unique_ptr<ChunkEncoder> make_gzip_encoder(std::optional<int> level) {
  if (level) return std::make_unique<LevelEncoder>(*level);
  return std::make_unique<FastEncoder>();
}

}  // namespace util
