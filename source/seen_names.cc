#include "source/seen_names.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <type_traits>

namespace source {

static_assert(std::is_trivially_copyable_v<SeenName>, "they are written to a file and read back as they are");

const SeenName* SeenNames::find(std::string_view wanted) const {
  const auto found = std::ranges::lower_bound(seen_, wanted, {}, [this](const SeenName& seen) { return name(seen); });
  return found != seen_.end() && name(*found) == wanted ? &*found : nullptr;
}

SeenName& SeenNames::make(std::string_view wanted) {
  if (const SeenName* found = find(wanted)) return edit(*found);
  append(wanted);
  const auto place = std::ranges::lower_bound(seen_.begin(), seen_.end() - 1, wanted, {}, [this](const SeenName& seen) { return name(seen); });
  std::rotate(place, seen_.end() - 1, seen_.end());
  return *place;
}

void SeenNames::reserve(std::size_t count, std::size_t text) {
  seen_.reserve(count);
  texts_.reserve(text);
}

SeenName& SeenNames::append(std::string_view name, SeenName known, std::string_view link_target) {
  changed_ = true;
  known.name_at_ = static_cast<std::uint32_t>(texts_.size());
  known.name_size_ = static_cast<std::uint16_t>(name.size());
  texts_ += name;
  seen_.push_back(known);
  set_link_target(seen_.back(), link_target);
  return seen_.back();
}

void SeenNames::replace(SeenNames names) {
  seen_ = std::move(names.seen_);
  texts_ = std::move(names.texts_);
  changed_ = true;
}

void SeenNames::set_link_target(const SeenName& seen, std::string_view target) {
  SeenName& changed = edit(seen);
  changed.link_at_ = static_cast<std::uint32_t>(texts_.size());
  changed.link_size_ = static_cast<std::uint32_t>(target.size());
  texts_ += target;
}

bool SeenNames::spill(util::SpillFile& file) {
  if (changed_) {
    const std::size_t table = seen_.size() * sizeof(SeenName);
    std::vector<std::byte> both(table + texts_.size());
    if (table > 0) std::memcpy(both.data(), seen_.data(), table);
    std::ranges::copy(util::as_bytes(texts_), both.data() + table);
    const bool fits = position_ && stored_names_ == seen_.size() && stored_text_ == texts_.size();
    if (fits ? !file.put_again(*position_, both) : !(position_ = file.put(both))) return false;
    stored_names_ = static_cast<std::uint32_t>(seen_.size());
    stored_text_ = static_cast<std::uint32_t>(texts_.size());
  }
  // Assignment may keep the capacity.
  std::vector<SeenName>().swap(seen_);
  std::string().swap(texts_);
  changed_ = false;
  spilled_ = true;
  return true;
}

void SeenNames::restore(const util::SpillFile& file) {
  const std::size_t table = stored_names_ * sizeof(SeenName);
  std::vector<std::byte> both(table + stored_text_);
  file.get(position_.value(), both);
  seen_.resize(stored_names_);
  if (table > 0) std::memcpy(seen_.data(), both.data(), table);
  texts_.assign(reinterpret_cast<const char*>(both.data() + table), stored_text_);
  spilled_ = false;
}

}  // namespace source
