#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <deque>
#include <filesystem>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "solver/ops/plan_page.h"
#include "util/spill_file.h"

namespace ops {

/// The nodes of a plan in the order of a layer (oci::path_less: what is below a directory comes right after it). However many
/// are put, only some megabytes of them stay in memory, in pages; the others are in a nameless file. Pointers and references to
/// nodes are good until the next call, iterators until a node is put or erased. Not thread-safe, not even for reading.
class PlanNodes {
 public:
  class ConstIterator;
  static constexpr std::size_t kPagesInMemory = 64;

  /// `spill_directory`: where that file is made; empty: all stay in memory.
  explicit PlanNodes(std::filesystem::path spill_directory = {}, std::size_t pages_in_memory = kPagesInMemory)
      : spill_(std::move(spill_directory)), pages_in_memory_(std::max<std::size_t>(pages_in_memory, 1)) {}

  bool empty() const { return pages_.empty(); }
  std::size_t size() const { return size_; }
  PlanNode* find(std::string_view path);
  const PlanNode* find(std::string_view path) const;
  /// The first node that is not before `path`.
  ConstIterator lower_bound(std::string_view path) const;
  ConstIterator begin() const;
  ConstIterator end() const;

  /// Adds, or replaces the one of the same path.
  PlanNode& put(PlanNode node);
  /// Removes `path` and all below it.
  void erase_tree(std::string_view path);

 private:
  struct Place {
    std::size_t page = 0, at = 0;
    auto operator<=>(const Place&) const = default;
  };
  /// Where the first node stands that is not before `path`; {pages_.size(), 0} when all are.
  Place place_of(std::string_view path) const;
  /// A page in memory. Throws util::Error.
  PlanPage& page(std::size_t index) const;
  /// The same, to be changed.
  PlanPage& edit(std::size_t index);
  void insert_page(std::size_t index, std::unique_ptr<PlanPage> page);
  void erase_page(std::size_t index);
  void note_in_memory(PlanPage& page) const;

  PlanMemory memory_;
  std::vector<std::unique_ptr<PlanPage>> pages_;  ///< none is empty
  std::size_t size_ = 0;
  mutable util::SpillFile spill_;
  mutable std::size_t pages_in_memory_;
  mutable std::size_t looked_for_ = 0;  ///< pages that came back into memory for one of their nodes
  mutable std::deque<PlanPage*> queue_;  ///< in memory; what was not used when its turn comes goes out
};

class PlanNodes::ConstIterator {
 public:
  using iterator_category = std::bidirectional_iterator_tag;
  using value_type = PlanNode;
  using difference_type = std::ptrdiff_t;
  using pointer = const PlanNode*;
  using reference = const PlanNode&;

  ConstIterator() = default;
  ConstIterator(const PlanNodes& nodes, Place place) : nodes_(&nodes), place_(place) {}
  const PlanNode& operator*() const { return nodes_->page(place_.page)[place_.at]; }
  const PlanNode* operator->() const { return &**this; }
  ConstIterator& operator++() {
    if (++place_.at == nodes_->pages_[place_.page]->size()) place_ = {place_.page + 1, 0};
    return *this;
  }
  ConstIterator operator++(int) { return std::exchange(*this, std::next(*this)); }
  ConstIterator& operator--() {
    if (place_.at == 0) place_ = {place_.page - 1, nodes_->pages_[place_.page - 1]->size()};
    --place_.at;
    return *this;
  }
  ConstIterator operator--(int) { return std::exchange(*this, std::prev(*this)); }
  bool operator==(const ConstIterator& other) const { return place_ == other.place_; }

 private:
  const PlanNodes* nodes_ = nullptr;
  Place place_;
};

inline PlanNodes::ConstIterator PlanNodes::begin() const { return {*this, {0, 0}}; }
inline PlanNodes::ConstIterator PlanNodes::end() const { return {*this, {pages_.size(), 0}}; }

}  // namespace ops
