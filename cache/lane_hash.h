#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace cache {

/// 64-bit hash with a fixed definition (it is on disk); four lanes, so that it keeps up with memory. Finds damage, not
/// forgery.
class LaneHash {
 public:
  /// What is cut at multiples of this has the same hash as the whole.
  static constexpr std::size_t kBlock = 32;

  /// `total`: bytes of all parts.
  explicit LaneHash(std::uint64_t total);
  /// Of all parts but the last the size is a multiple of `kBlock`.
  void update(std::string_view part);
  std::uint64_t finish() const;

 private:
  std::uint64_t lanes_[4];
};

/// The hash of one text.
std::uint64_t lane_hash(std::string_view text);

}  // namespace cache
