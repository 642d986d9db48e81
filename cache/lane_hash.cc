#include "cache/lane_hash.h"

#include <algorithm>
#include <cstring>

namespace cache {

std::uint64_t lane_hash(std::initializer_list<std::string_view> parts) {
  constexpr std::uint64_t kPrime = 0x9E3779B97F4A7C15ull;
  std::uint64_t total = 0;
  for (std::string_view part : parts) total += part.size();
  std::uint64_t lanes[4] = {total + 1, kPrime, kPrime ^ total, ~kPrime};
  auto mix = [](std::uint64_t lane, std::uint64_t word) {
    lane = (lane ^ word) * kPrime;
    return lane ^ (lane >> 29);
  };
  for (std::string_view part : parts) {
    for (; part.size() >= 32; part.remove_prefix(32)) {
      for (std::size_t i = 0; i < 4; ++i) {
        std::uint64_t word;
        std::memcpy(&word, part.data() + 8 * i, 8);
        lanes[i] = mix(lanes[i], word);
      }
    }
    for (std::size_t i = 0; !part.empty(); ++i) {
      std::uint64_t word = 0;
      const std::size_t size = std::min<std::size_t>(part.size(), 8);
      std::memcpy(&word, part.data(), size);
      lanes[i] = mix(lanes[i], word);
      part.remove_prefix(size);
    }
  }
  std::uint64_t result = 0;
  for (std::uint64_t lane : lanes) result = mix(result, lane ^ (lane >> 32));
  return result;
}

}  // namespace cache
