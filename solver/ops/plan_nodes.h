#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "oci/layer.h"
#include "solver/ops/file_content.h"

namespace ops {

/// One path of a layer that is planned.
struct PlanNode {
  oci::LayerEntry entry;
  std::variant<FileContentRef, CopiedFilesRef> bytes = {};
  enum class Origin : std::uint8_t {
    placed,  ///< by an action
    made,    ///< a directory on the way to something, with a time that its content gives
    passed,  ///< a directory of the base on the way to something
  } origin = Origin::placed;
};

/// The nodes of a plan in the order of a layer (oci::path_less: what is below a directory comes right after it). Very many
/// may be put, mostly in order: they lie side by side in pages that go back to the system one by one when they are taken.
/// Pointers and iterators are good until a node is put or erased. Not thread-safe.
class PlanNodes {
 public:
  template <typename Nodes, typename Node>
  class BasicIterator;
  using Iterator = BasicIterator<PlanNodes, PlanNode>;
  using ConstIterator = BasicIterator<const PlanNodes, const PlanNode>;

  bool empty() const { return pages_.empty(); }
  std::size_t size() const;
  PlanNode* find(std::string_view path);
  const PlanNode* find(std::string_view path) const;
  /// The first node that is not before `path`.
  ConstIterator lower_bound(std::string_view path) const;
  Iterator begin();
  Iterator end();
  ConstIterator begin() const;
  ConstIterator end() const;

  /// Adds, or replaces the one of the same path.
  PlanNode& put(PlanNode node);
  /// Removes `path` and all below it.
  void erase_tree(std::string_view path);
  /// Gives every node away, in order; none is left.
  template <typename F>
  void take_each(F&& f) {
    for (Page& page : pages_) {
      for (PlanNode& node : page) f(std::move(node));
      page = Page();
    }
    pages_.clear();
  }

 private:
  /// At most `kCapacity` nodes in memory of its own.
  class Page {
   public:
    static constexpr std::size_t kBytes = std::size_t{32} << 10;
    static constexpr std::size_t kCapacity = kBytes / sizeof(PlanNode);

    Page() noexcept = default;
    Page(const Page& other);
    Page(Page&& other) noexcept : nodes_(std::exchange(other.nodes_, nullptr)), size_(std::exchange(other.size_, 0)) {}
    Page& operator=(Page other) noexcept {
      std::swap(nodes_, other.nodes_);
      std::swap(size_, other.size_);
      return *this;
    }
    ~Page();
    std::size_t size() const { return size_; }
    PlanNode* begin() { return nodes_; }
    PlanNode* end() { return nodes_ + size_; }
    const PlanNode* begin() const { return nodes_; }
    const PlanNode* end() const { return nodes_ + size_; }
    PlanNode& operator[](std::size_t at) { return nodes_[at]; }
    const PlanNode& operator[](std::size_t at) const { return nodes_[at]; }
    /// There must be room.
    void insert(std::size_t at, PlanNode node);
    void erase(std::size_t from, std::size_t to);
    /// The nodes from `at` on move to a new page.
    Page split(std::size_t at);

   private:
    PlanNode* nodes_ = nullptr;
    std::size_t size_ = 0;
  };
  struct Place {
    std::size_t page = 0, at = 0;
    auto operator<=>(const Place&) const = default;
  };
  /// Where the first node stands that is not before `path`; {pages_.size(), 0} when all are.
  Place place_of(std::string_view path) const;

  std::vector<Page> pages_;  ///< none is empty
};

template <typename Nodes, typename Node>
class PlanNodes::BasicIterator {
 public:
  using iterator_category = std::bidirectional_iterator_tag;
  using value_type = PlanNode;
  using difference_type = std::ptrdiff_t;
  using pointer = Node*;
  using reference = Node&;

  BasicIterator() = default;
  BasicIterator(Nodes& nodes, Place place) : nodes_(&nodes), place_(place) {}
  Node& operator*() const { return nodes_->pages_[place_.page][place_.at]; }
  Node* operator->() const { return &**this; }
  BasicIterator& operator++() {
    if (++place_.at == nodes_->pages_[place_.page].size()) place_ = {place_.page + 1, 0};
    return *this;
  }
  BasicIterator operator++(int) { return std::exchange(*this, std::next(*this)); }
  BasicIterator& operator--() {
    if (place_.at == 0) place_ = {place_.page - 1, nodes_->pages_[place_.page - 1].size()};
    --place_.at;
    return *this;
  }
  BasicIterator operator--(int) { return std::exchange(*this, std::prev(*this)); }
  bool operator==(const BasicIterator& other) const { return place_ == other.place_; }

 private:
  Nodes* nodes_ = nullptr;
  Place place_;
};

inline PlanNodes::Iterator PlanNodes::begin() { return {*this, {0, 0}}; }
inline PlanNodes::Iterator PlanNodes::end() { return {*this, {pages_.size(), 0}}; }
inline PlanNodes::ConstIterator PlanNodes::begin() const { return {*this, {0, 0}}; }
inline PlanNodes::ConstIterator PlanNodes::end() const { return {*this, {pages_.size(), 0}}; }

}  // namespace ops
