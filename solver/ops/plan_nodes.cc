#include "solver/ops/plan_nodes.h"

#include <algorithm>

namespace ops {
namespace {

/// So many pages come back before one more may stay.
constexpr std::size_t kPatience = 4;

bool is_before(const PlanNode& node, std::string_view path) {
  return oci::path_less(node.entry.path, path);
}

}  // namespace

PlanPage& PlanNodes::page(std::size_t index) const {
  PlanPage& page = *pages_[index];
  page.used = true;
  if (page.is_spilled()) {
    page.restore(spill_);
    note_in_memory(page);
  }
  return page;
}

PlanPage& PlanNodes::edit(std::size_t index) {
  PlanPage& changed = page(index);
  changed.note_changed();
  return changed;
}

/// Another page may have to go for it.
void PlanNodes::note_in_memory(PlanPage& page) const {
  page.used = true;
  queue_.push_back(&page);
  while (queue_.size() > pages_in_memory_) {
    PlanPage* const next = queue_.front();
    queue_.pop_front();
    if (next == &page || std::exchange(next->used, false)) {
      queue_.push_back(next);
    } else if (!next->spill(spill_)) {
      return;
    }
  }
}

void PlanNodes::insert_page(std::size_t index, std::unique_ptr<PlanPage> page) {
  PlanPage& inserted = **pages_.insert(pages_.begin() + static_cast<std::ptrdiff_t>(index), std::move(page));
  note_in_memory(inserted);
}

void PlanNodes::erase_page(std::size_t index) {
  std::erase(queue_, pages_[index].get());
  pages_.erase(pages_.begin() + static_cast<std::ptrdiff_t>(index));
}

PlanNodes::Place PlanNodes::place_of(std::string_view path) const {
  // Trees are copied in order: mostly what is looked for comes behind all there is.
  if (pages_.empty() || oci::path_less(pages_.back()->last_path(), path)) return {pages_.size(), 0};
  const auto found = std::partition_point(pages_.begin(), pages_.end(),
                                          [&](const std::unique_ptr<PlanPage>& one) { return oci::path_less(one->last_path(), path); });
  const auto index = static_cast<std::size_t>(found - pages_.begin());
  // What is put in no order goes to any page: the more of them had to come back for it, the more may stay.
  if (pages_[index]->is_spilled() && ++looked_for_ % kPatience == 0) ++pages_in_memory_;
  PlanPage& nodes = page(index);
  const auto node = std::partition_point(nodes.begin(), nodes.end(), [&](const PlanNode& one) { return is_before(one, path); });
  return {index, static_cast<std::size_t>(node - nodes.begin())};
}

const PlanNode* PlanNodes::find(std::string_view path) const {
  const Place place = place_of(path);
  if (place.page == pages_.size()) return nullptr;
  const PlanNode& node = page(place.page)[place.at];
  return node.entry.path == path ? &node : nullptr;
}

PlanNode* PlanNodes::find(std::string_view path) {
  const Place place = place_of(path);
  if (place.page == pages_.size() || page(place.page)[place.at].entry.path != path) return nullptr;
  return &edit(place.page)[place.at];
}

PlanNodes::ConstIterator PlanNodes::lower_bound(std::string_view path) const {
  return {*this, place_of(path)};
}

PlanNode& PlanNodes::put(PlanNode node) {
  Place place = place_of(node.entry.path);
  if (place.page == pages_.size()) {
    if (pages_.empty() || pages_.back()->size() == PlanPage::kCapacity) {
      auto fresh = std::make_unique<PlanPage>(memory_);
      fresh->insert(0, std::move(node));
      ++size_;
      insert_page(pages_.size(), std::move(fresh));
      return page(pages_.size() - 1)[0];
    }
    place = {pages_.size() - 1, pages_.back()->size()};
  } else if (PlanNode& there = page(place.page)[place.at]; there.entry.path == node.entry.path) {
    edit(place.page);
    return there = std::move(node);
  }
  if (pages_[place.page]->size() == PlanPage::kCapacity) {
    constexpr std::size_t kHalf = PlanPage::kCapacity / 2;
    auto behind = std::make_unique<PlanPage>(memory_);
    edit(place.page).split(kHalf, *behind);
    insert_page(place.page + 1, std::move(behind));
    if (place.at > kHalf) place = {place.page + 1, place.at - kHalf};
  }
  PlanPage& nodes = edit(place.page);
  nodes.insert(place.at, std::move(node));
  ++size_;
  return nodes[place.at];
}

void PlanNodes::erase_tree(std::string_view path) {
  const auto belongs = [&](const PlanNode& node) {
    const std::string_view name = node.entry.path;
    return name.starts_with(path) && (name.size() == path.size() || name[path.size()] == '/');
  };
  const Place place = place_of(path);
  std::size_t from = place.at;
  for (std::size_t i = place.page; i < pages_.size() && from < pages_[i]->size() && belongs(page(i)[from]);) {
    PlanPage& nodes = edit(i);
    PlanNode* const behind = std::find_if_not(nodes.begin() + from, nodes.end(), belongs);
    const bool to_the_end = behind == nodes.end();
    const auto to = static_cast<std::size_t>(behind - nodes.begin());
    nodes.erase(from, to);
    size_ -= to - from;
    if (nodes.size() == 0) {
      erase_page(i);
    } else {
      ++i;
    }
    if (!to_the_end) break;
    from = 0;
  }
}

}  // namespace ops
