#include "source/seen_names.h"

#include <algorithm>
#include <cstring>
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

void SeenNames::store(std::span<std::byte> to) const {
  const std::size_t table = seen_.size() * sizeof(SeenName);
  if (table > 0) std::memcpy(to.data(), seen_.data(), table);
  if (!texts_.empty()) std::memcpy(to.data() + table, texts_.data(), texts_.size());
}

void SeenNames::load(const Size& size, util::Bytes from) {
  const std::size_t table = size.names * sizeof(SeenName);
  seen_.resize(size.names);
  if (table > 0) std::memcpy(seen_.data(), from.data(), table);
  texts_.assign(reinterpret_cast<const char*>(from.data() + table), size.text);
  changed_ = false;
}

}  // namespace source
