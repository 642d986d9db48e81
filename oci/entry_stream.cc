#include "oci/entry_stream.h"

#include <algorithm>
#include <utility>

namespace oci {

EntryVector::EntryVector(std::vector<LayerEntry> entries) : entries_(std::move(entries)) {
  const auto by_path = [](const LayerEntry& a, const LayerEntry& b) { return path_less(a.path, b.path); };
  if (!std::ranges::is_sorted(entries_, by_path)) sort_entries(entries_);
}

bool EntryVector::next(LayerEntry& entry) {
  if (next_ == entries_.size()) return false;
  entry = entries_[next_++];
  return true;
}

std::vector<std::string> EntryVector::hard_link_targets() const {
  std::vector<std::string> targets;
  for (const LayerEntry& entry : entries_) {
    if (!entry.hard_link.empty()) targets.push_back(*entry.hard_link);
  }
  return targets;
}

}  // namespace oci
