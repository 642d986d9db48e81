#include "solver/ops/plan_nodes.h"

#include <sys/mman.h>

#include <algorithm>
#include <memory>
#include <new>

namespace ops {
namespace {

bool is_before(const PlanNode& node, std::string_view path) {
  return oci::path_less(node.entry.path, path);
}

/// From the system itself: the heap would keep what lies between texts that stay.
PlanNode* allocate(std::size_t bytes) {
  void* memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return static_cast<PlanNode*>(memory);
}

}  // namespace

PlanNodes::Page::Page(const Page& other) : nodes_(allocate(kBytes)) {
  try {
    std::uninitialized_copy(other.begin(), other.end(), nodes_);
  } catch (...) {
    ::munmap(nodes_, kBytes);
    throw;
  }
  size_ = other.size_;
}

PlanNodes::Page::~Page() {
  if (nodes_ == nullptr) return;
  std::destroy(begin(), end());
  ::munmap(nodes_, kBytes);
}

void PlanNodes::Page::insert(std::size_t at, PlanNode node) {
  if (nodes_ == nullptr) nodes_ = allocate(kBytes);
  if (at == size_) {
    std::construct_at(nodes_ + size_, std::move(node));
    ++size_;
    return;
  }
  std::construct_at(nodes_ + size_, std::move(nodes_[size_ - 1]));
  ++size_;
  std::move_backward(nodes_ + at, nodes_ + size_ - 2, nodes_ + size_ - 1);
  nodes_[at] = std::move(node);
}

void PlanNodes::Page::erase(std::size_t from, std::size_t to) {
  std::destroy(std::move(nodes_ + to, nodes_ + size_, nodes_ + from), nodes_ + size_);
  size_ -= to - from;
}

PlanNodes::Page PlanNodes::Page::split(std::size_t at) {
  Page behind;
  behind.nodes_ = allocate(kBytes);
  std::uninitialized_move(nodes_ + at, nodes_ + size_, behind.nodes_);
  behind.size_ = size_ - at;
  std::destroy(nodes_ + at, nodes_ + size_);
  size_ = at;
  return behind;
}

std::size_t PlanNodes::size() const {
  std::size_t size = 0;
  for (const Page& page : pages_) size += page.size();
  return size;
}

PlanNodes::Place PlanNodes::place_of(std::string_view path) const {
  // Trees are copied in order: mostly what is looked for comes behind all there is.
  if (pages_.empty() || is_before(*std::prev(pages_.back().end()), path)) return {pages_.size(), 0};
  const auto page = std::partition_point(pages_.begin(), pages_.end(), [&](const Page& one) { return is_before(*std::prev(one.end()), path); });
  const auto node = std::partition_point(page->begin(), page->end(), [&](const PlanNode& one) { return is_before(one, path); });
  return {static_cast<std::size_t>(page - pages_.begin()), static_cast<std::size_t>(node - page->begin())};
}

const PlanNode* PlanNodes::find(std::string_view path) const {
  const Place place = place_of(path);
  if (place.page == pages_.size()) return nullptr;
  const PlanNode& node = pages_[place.page][place.at];
  return node.entry.path == path ? &node : nullptr;
}

PlanNode* PlanNodes::find(std::string_view path) {
  return const_cast<PlanNode*>(std::as_const(*this).find(path));
}

PlanNodes::ConstIterator PlanNodes::lower_bound(std::string_view path) const {
  return {*this, place_of(path)};
}

PlanNode& PlanNodes::put(PlanNode node) {
  Place place = place_of(node.entry.path);
  if (place.page == pages_.size()) {
    if (pages_.empty() || pages_.back().size() == Page::kCapacity) pages_.emplace_back();
    place = {pages_.size() - 1, pages_.back().size()};
  } else if (pages_[place.page][place.at].entry.path == node.entry.path) {
    return pages_[place.page][place.at] = std::move(node);
  }
  if (pages_[place.page].size() == Page::kCapacity) {
    constexpr std::size_t kHalf = Page::kCapacity / 2;
    Page behind = pages_[place.page].split(kHalf);
    pages_.insert(pages_.begin() + static_cast<std::ptrdiff_t>(place.page) + 1, std::move(behind));
    if (place.at > kHalf) place = {place.page + 1, place.at - kHalf};
  }
  pages_[place.page].insert(place.at, std::move(node));
  return pages_[place.page][place.at];
}

void PlanNodes::erase_tree(std::string_view path) {
  const auto belongs = [&](const PlanNode& node) {
    const std::string_view name = node.entry.path;
    return name.starts_with(path) && (name.size() == path.size() || name[path.size()] == '/');
  };
  const Place place = place_of(path);
  std::size_t from = place.at;
  for (std::size_t i = place.page; i < pages_.size() && from < pages_[i].size() && belongs(pages_[i][from]);) {
    Page& page = pages_[i];
    const auto behind = std::find_if_not(page.begin() + from, page.end(), belongs);
    const bool to_the_end = behind == page.end();
    page.erase(from, static_cast<std::size_t>(behind - page.begin()));
    if (page.size() == 0) {
      pages_.erase(pages_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
    if (!to_the_end) break;
    from = 0;
  }
}

}  // namespace ops
