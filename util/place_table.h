#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "util/fd.h"

namespace util {

/// One slot of a PlaceTable. Files hold them as they are, in the byte order of the machine.
struct PlaceSlot {
  std::uint32_t tag;    ///< part of the hash of a key
  std::uint32_t place;  ///< where the key and its value are, in units of who keeps them; 0: the slot is empty
};

/// The slot of that tag for which `is_it(place)`, or else the empty one where it would stand; nullopt when all are taken.
/// `slots`: a power of two; linear probing from the lower bits of the tag.
template <typename F>
std::optional<std::size_t> find_slot(std::span<const PlaceSlot> slots, std::uint32_t tag, const F& is_it) {
  const std::size_t mask = slots.size() - 1;
  for (std::size_t i = 0, at = tag & mask; i != slots.size(); ++i, at = (at + 1) & mask) {
    const PlaceSlot& slot = slots[at];
    if (slot.place == 0 || (slot.tag == tag && is_it(slot.place))) return at;
  }
  return std::nullopt;
}

/// A table of more slots is cut in segments of so many, a power of two, chosen by the upper bits of the tag: each can be
/// written and read alone.
inline constexpr std::size_t kPlaceSegment = std::size_t{1} << 13;

/// The first slot of the segment for that tag in a table of `slots`, a power of two.
constexpr std::size_t segment_start(std::uint32_t tag, std::size_t slots) {
  return slots <= kPlaceSegment ? 0 : (std::uint64_t{tag} * (slots / kPlaceSegment) >> 32) * kPlaceSegment;
}

/// A hash table that knows where things are, for very many: eight to sixteen bytes for each, and beyond 65,536 (or, of very
/// many, a part in 32) these are in a nameless file. After an exception it must not be used any more. Not thread-safe.
class PlaceTable {
 public:
  /// `directory`: where that file is made. Empty: all stays in memory.
  explicit PlaceTable(std::filesystem::path directory = {}) : directory_(std::move(directory)) {}

  /// The place of that tag for which `is_it(place)`. Throws util::Error.
  template <typename F>
  std::optional<std::uint32_t> find(std::uint32_t tag, const F& is_it) const;
  /// Replaces what `find` would find, or adds it. Throws util::Error.
  template <typename F>
  void put(std::uint32_t tag, std::uint32_t place, const F& is_it);
  /// For what is not there yet. Throws util::Error. Of tags made to be alike a table with a file may forget some.
  void add(std::uint32_t tag, std::uint32_t place);

  /// Brings all slots together, in segments, and says how many they are, the empty ones too: a power of two, eight at least. Needs
  /// the directory if they are more than a segment. Throws util::Error.
  std::size_t settle();
  /// Gives all slots to `f`, in pieces of the same size. Only after `settle`, with nothing put in between. Throws util::Error.
  void read(const std::function<void(std::span<const PlaceSlot>)>& f) const;

 private:
  template <typename F>
  std::optional<std::size_t> find_stored(std::uint32_t tag, const F& is_it) const;
  void read_stored(std::size_t first, std::span<PlaceSlot> slots) const;
  void write_stored(std::size_t first, std::span<const PlaceSlot> slots);
  void store();
  void grow_stored();
  void grow();

  std::filesystem::path directory_;
  std::vector<PlaceSlot> slots_ = std::vector<PlaceSlot>(8);  ///< those that are not in the file
  std::size_t count_ = 0;                                     ///< of them that are not empty
  Fd file_;
  std::size_t stored_slots_ = 0, stored_count_ = 0;  ///< the same of the file
};

template <typename F>
std::optional<std::uint32_t> PlaceTable::find(std::uint32_t tag, const F& is_it) const {
  const PlaceSlot& slot = slots_[find_slot(std::span(slots_), tag, is_it).value()];
  if (slot.place != 0) return slot.place;
  std::optional<std::uint32_t> found;
  find_stored(tag, [&](std::uint32_t place) {
    if (is_it(place)) found = place;
    return found.has_value();
  });
  return found;
}

template <typename F>
void PlaceTable::put(std::uint32_t tag, std::uint32_t place, const F& is_it) {
  PlaceSlot& slot = slots_[find_slot(std::span<const PlaceSlot>(slots_), tag, is_it).value()];
  const PlaceSlot wanted = {tag, place};
  if (slot.place != 0) {
    slot = wanted;
  } else if (const std::optional<std::size_t> stored = find_stored(tag, is_it)) {
    write_stored(*stored, {&wanted, 1});
  } else {
    add(tag, place);
  }
}

template <typename F>
std::optional<std::size_t> PlaceTable::find_stored(std::uint32_t tag, const F& is_it) const {
  if (stored_slots_ == 0) return std::nullopt;
  const std::size_t start = segment_start(tag, stored_slots_);
  std::array<PlaceSlot, 16> some;
  for (std::size_t done = 0; done < kPlaceSegment;) {
    const std::size_t at = (tag + done) % kPlaceSegment;
    const std::span<PlaceSlot> next = std::span(some).first(std::min(some.size(), kPlaceSegment - at));
    read_stored(start + at, next);
    for (std::size_t i = 0; i != next.size(); ++i) {
      if (next[i].place == 0) return std::nullopt;
      if (next[i].tag == tag && is_it(next[i].place)) return start + at + i;
    }
    done += next.size();
  }
  return std::nullopt;
}

}  // namespace util
