#include "util/place_table.h"

#include <unistd.h>

#include "util/error.h"
#include "util/temp.h"

namespace util {
namespace {

/// Slots that may be in memory where there is a file that is not very large.
constexpr std::size_t kInMemory = std::size_t{1} << 17;

/// False when there is no empty one.
bool insert(std::span<PlaceSlot> slots, const PlaceSlot& slot) {
  const std::optional<std::size_t> at = find_slot(std::span<const PlaceSlot>(slots), slot.tag, [](std::uint32_t) { return false; });
  if (at) slots[*at] = slot;
  return at.has_value();
}

}  // namespace

void PlaceTable::add(std::uint32_t tag, std::uint32_t place) {
  insert(slots_, {tag, place});
  if (++count_ * 2 <= slots_.size()) return;
  // Nearly all segments are written again each time: of a large file not too often.
  if (directory_.empty() || slots_.size() < kInMemory || count_ < stored_count_ / 32) {
    grow();
  } else {
    store();
  }
}

void PlaceTable::grow() {
  std::vector<PlaceSlot> larger(slots_.size() * 2);
  for (const PlaceSlot& slot : slots_) {
    if (slot.place != 0) insert(larger, slot);
  }
  slots_ = std::move(larger);
}

std::size_t PlaceTable::settle() {
  if (stored_slots_ == 0 && slots_.size() <= kPlaceSegment) return slots_.size();
  if (count_ > 0) store();
  return stored_slots_;
}

void PlaceTable::read(const std::function<void(std::span<const PlaceSlot>)>& f) const {
  if (stored_slots_ == 0) return f(slots_);
  std::vector<PlaceSlot> segment(kPlaceSegment);
  for (std::size_t start = 0; start != stored_slots_; start += kPlaceSegment) {
    read_stored(start, segment);
    f(segment);
  }
}

void PlaceTable::read_stored(std::size_t first, std::span<PlaceSlot> slots) const {
  const std::span<std::byte> bytes = std::as_writable_bytes(slots);
  if (read_at(file_.get(), first * sizeof(PlaceSlot), bytes) != bytes.size()) throw Error("read back a table: it was cut off");
}

void PlaceTable::write_stored(std::size_t first, std::span<const PlaceSlot> slots) {
  write_at(file_.get(), first * sizeof(PlaceSlot), std::as_bytes(slots));
}

/// What is in memory goes to the file, segment by segment.
void PlaceTable::store() {
  if (!file_) file_ = make_nameless_file(directory_);
  while ((stored_count_ + count_) * 2 > stored_slots_) grow_stored();
  std::ranges::sort(slots_, {}, &PlaceSlot::tag);
  std::vector<PlaceSlot> segment(kPlaceSegment);
  for (auto next = slots_.begin(); next != slots_.end();) {
    const std::size_t start = segment_start(next->tag, stored_slots_);
    read_stored(start, segment);
    for (; next != slots_.end() && segment_start(next->tag, stored_slots_) == start; ++next) {
      if (next->place != 0 && insert(segment, *next)) ++stored_count_;
    }
    write_stored(start, segment);
  }
  std::ranges::fill(slots_, PlaceSlot{});
  count_ = 0;
}

/// Each segment becomes two, the last one first, so that nothing is overwritten.
void PlaceTable::grow_stored() {
  const std::size_t before = stored_slots_;
  stored_slots_ = std::max(kPlaceSegment, before * 2);
  if (::ftruncate(file_.get(), static_cast<off_t>(stored_slots_ * sizeof(PlaceSlot))) != 0) throw_errno("make a table larger");
  std::vector<PlaceSlot> segment(before == 0 ? 0 : kPlaceSegment), half(segment.size());
  for (std::size_t start = before; start != 0;) {
    start -= kPlaceSegment;
    read_stored(start, segment);
    for (const std::size_t to : {start * 2 + kPlaceSegment, start * 2}) {
      std::ranges::fill(half, PlaceSlot{});
      for (const PlaceSlot& slot : segment) {
        if (slot.place != 0 && segment_start(slot.tag, stored_slots_) == to) insert(half, slot);
      }
      write_stored(to, half);
    }
  }
}

}  // namespace util
