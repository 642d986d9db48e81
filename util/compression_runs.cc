#include <algorithm>
#include <array>
#include <cstdint>

#include "util/compression_encoder.h"

namespace util {
namespace {

// All of these are part of the output formats: other values mean other bytes for the same layer.

/// What is looked at as a whole when runs of incompressible data are searched for.
constexpr std::size_t kBlock = std::size_t{16} << 10;
/// Bytes of a block that are counted, in `kSamples` pieces.
constexpr std::size_t kSampled = 4096;
constexpr std::size_t kSamples = 16;

/// Bytes that look as if drawn at random, each value as often as the others, hold nothing for a compressor. The sum of
/// squares of how often each value occurs in n random bytes is n²/256 + n, with a deviation of 361 for the n here. Less
/// than that is too even to be random: a table, which does compress.
bool is_incompressible(Bytes block) {
  if (block.size() < kBlock) return false;
  // In four tables: one would wait for itself where a value comes again at once.
  std::array<std::array<std::uint16_t, 256>, 4> counts{};
  for (std::size_t sample = 0; sample < kSamples; ++sample) {
    const Bytes piece = block.subspan(sample * (block.size() / kSamples), kSampled / kSamples);
    for (std::size_t i = 0; i < piece.size(); i += 4) {
      for (std::size_t lane = 0; lane < 4; ++lane) ++counts[lane][std::to_integer<std::size_t>(piece[i + lane])];
    }
  }
  std::uint64_t squares = 0;
  for (std::size_t value = 0; value < 256; ++value) {
    const std::uint64_t count = counts[0][value] + counts[1][value] + counts[2][value] + counts[3][value];
    squares += count * count;
  }
  constexpr std::uint64_t kEven = kSampled * kSampled / 256;
  return squares > kEven + kSampled / 2 && squares < kEven * 112 / 100 + kSampled;
}

/// Of 512 random bytes about 222 values are different, with a deviation of 5; of texts and programs hardly ever so many. Tables
/// may have as many: what is taken for incompressible here must lose nothing by it.
bool looks_incompressible(Bytes block) {
  constexpr std::size_t kPiece = 256, kDifferent = 190;
  if (block.size() < kBlock) return false;
  std::array<bool, 256> seen{};
  for (const std::size_t at : {kBlock / 4, kBlock * 3 / 4}) {
    for (std::byte value : block.subspan(at, kPiece)) seen[std::to_integer<std::size_t>(value)] = true;
  }
  return std::ranges::count(seen, true) >= static_cast<std::ptrdiff_t>(kDifferent);
}

}  // namespace

bool DataRuns::next_is_incompressible() const {
  const Bytes block = data_.first(std::min(data_.size(), kBlock));
  return glance_ ? looks_incompressible(block) : is_incompressible(block);
}

DataRun DataRuns::next() {
  DataRun run;
  run.incompressible = next_;
  const Bytes all = data_;
  do {
    data_ = data_.subspan(std::min(data_.size(), kBlock));
    next_ = !data_.empty() && next_is_incompressible();
  } while (!data_.empty() && next_ == run.incompressible);
  run.data = all.first(all.size() - data_.size());
  return run;
}

}  // namespace util
