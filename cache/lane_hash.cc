#include "cache/lane_hash.h"

#include <algorithm>
#include <cstring>

namespace cache {
namespace {

constexpr std::uint64_t kPrime = 0x9E3779B97F4A7C15ull;

std::uint64_t mix(std::uint64_t lane, std::uint64_t word) {
  lane = (lane ^ word) * kPrime;
  return lane ^ (lane >> 29);
}

}  // namespace

LaneHash::LaneHash(std::uint64_t total) : lanes_{total + 1, kPrime, kPrime ^ total, ~kPrime} {}

void LaneHash::update(std::string_view part) {
  for (; part.size() >= kBlock; part.remove_prefix(kBlock)) {
    for (std::size_t i = 0; i < 4; ++i) {
      std::uint64_t word;
      std::memcpy(&word, part.data() + 8 * i, 8);
      lanes_[i] = mix(lanes_[i], word);
    }
  }
  for (std::size_t i = 0; !part.empty(); ++i) {
    std::uint64_t word = 0;
    const std::size_t size = std::min<std::size_t>(part.size(), 8);
    std::memcpy(&word, part.data(), size);
    lanes_[i] = mix(lanes_[i], word);
    part.remove_prefix(size);
  }
}

std::uint64_t LaneHash::finish() const {
  std::uint64_t result = 0;
  for (std::uint64_t lane : lanes_) result = mix(result, lane ^ (lane >> 32));
  return result;
}

std::uint64_t lane_hash(std::string_view text) {
  LaneHash hash(text.size());
  hash.update(text);
  return hash.finish();
}

}  // namespace cache
