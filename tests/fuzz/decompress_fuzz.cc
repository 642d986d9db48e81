#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "util/check.h"
#include "util/compression.h"
#include "util/compression_input.h"
#include "util/compression_isal.h"
#include "util/error.h"

// Input: a blob, compressed or not.
namespace {

/// A few bytes decompress to terabytes: their beginning is enough.
constexpr std::size_t kMost = std::size_t{256} << 10;

/// Gives at most `step` bytes at a time, as a network does.
class SteppingReader final : public util::Reader {
 public:
  SteppingReader(std::string_view data, std::size_t step) : rest_(data), step_(step) {}
  std::size_t read(std::span<std::byte> buffer) override {
    const std::size_t count = std::min({buffer.size(), step_, rest_.size()});
    if (count != 0) std::memcpy(buffer.data(), rest_.data(), count);
    rest_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view rest_;
  std::size_t step_;
};

struct Outcome {
  std::string bytes;
  bool failed = false;
};

Outcome drain(util::Reader& reader, std::size_t step) {
  Outcome outcome;
  std::vector<std::byte> buffer(step);
  try {
    while (outcome.bytes.size() < kMost) {
      const std::size_t count = reader.read(buffer);
      if (count == 0) break;
      CHECK(count <= step);
      outcome.bytes.append(reinterpret_cast<const char*>(buffer.data()), count);
    }
  } catch (const util::Error&) {
    outcome.failed = true;
  }
  return outcome;
}

Outcome decompress(std::string_view data, std::size_t in_step, std::size_t out_step) {
  SteppingReader from(data, in_step);
  return drain(*util::make_decompressor(from), out_step);
}

Outcome gunzip(std::string_view data, const util::IsalLibrary* isal) {
  SteppingReader from(data, data.size());
  return drain(*util::compression::make_gzip_reader(std::make_unique<util::compression::Input>(from), isal), kMost);
}

bool agree(const Outcome& a, const Outcome& b) {
  const std::size_t common = std::min({a.bytes.size(), b.bytes.size(), kMost});
  return std::string_view(a.bytes).substr(0, common) == std::string_view(b.bytes).substr(0, common);
}

bool is_whole(const Outcome& outcome) { return !outcome.failed && outcome.bytes.size() < kMost; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view blob(reinterpret_cast<const char*>(data), size);
  const Outcome whole = decompress(blob, blob.size(), kMost);
  for (const std::size_t step : {std::size_t{1}, std::size_t{97}}) {
    // Steps of single bytes are for the input only: there is little of it.
    const Outcome pieces = decompress(blob, step, 97);
    CHECK(agree(whole, pieces));
    CHECK(whole.failed == pieces.failed || whole.bytes.size() >= kMost || pieces.bytes.size() >= kMost);
  }
  const util::Encoding encoding = util::detect_encoding(util::as_bytes(blob));
  if (encoding == util::Encoding::identity) {
    CHECK(!whole.failed && agree(whole, {std::string(blob), false}));
  } else if (encoding == util::Encoding::gzip) {
    // What the other library takes, this one takes too, for the same.
    const Outcome zlib = gunzip(blob, nullptr);
    if (is_whole(zlib)) CHECK(is_whole(whole) && whole.bytes == zlib.bytes);
    if (is_whole(zlib)) CHECK(decompress(std::string(blob) + "x", size + 1, kMost).failed);
  }
  return 0;
}
