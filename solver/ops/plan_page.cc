#include "solver/ops/plan_page.h"

#include <sys/mman.h>

#include <algorithm>
#include <memory>
#include <new>
#include <span>

#include "oci/entry_codec.h"

namespace ops {

PlanMemory::~PlanMemory() {
  while (count_ > 0) ::munmap(waiting_[--count_], kBytes);
}

void* PlanMemory::take() {
  if (count_ > 0) return waiting_[--count_];
  void* memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return memory;
}

void PlanMemory::give(void* memory) noexcept {
  if (count_ == waiting_.size()) {
    ::munmap(memory, kBytes);
  } else {
    waiting_[count_++] = memory;
  }
}

void PlanPage::allocate() {
  if (nodes_ == nullptr) nodes_ = static_cast<PlanNode*>(memory_.take());
}

void PlanPage::free() noexcept {
  if (nodes_ == nullptr) return;
  std::destroy(begin(), end());
  memory_.give(std::exchange(nodes_, nullptr));
}

void PlanPage::insert(std::size_t at, PlanNode node) {
  allocate();
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

void PlanPage::erase(std::size_t from, std::size_t to) {
  std::destroy(std::move(nodes_ + to, nodes_ + size_, nodes_ + from), nodes_ + size_);
  size_ -= to - from;
}

void PlanPage::split(std::size_t at, PlanPage& behind) {
  behind.allocate();
  std::uninitialized_move(nodes_ + at, nodes_ + size_, behind.nodes_);
  behind.size_ = size_ - at;
  std::destroy(nodes_ + at, nodes_ + size_);
  size_ = at;
}

bool PlanPage::store(std::string& encoded, util::SpillFile& file) {
  const std::size_t size = encoded.size();
  if (size <= room_) {
    if (!file.put_again(*position_, util::as_bytes(encoded))) return false;
  } else {
    // With room for what may be put between these nodes.
    encoded.resize(size + (position_ ? size / 2 : 0));
    const std::optional<std::uint64_t> position = file.put(util::as_bytes(encoded));
    if (!position) return false;
    position_ = position;
    room_ = encoded.size();
  }
  stored_ = size;
  changed_ = false;
  return true;
}

bool PlanPage::spill(util::SpillFile& file) {
  // What the bytes of a node come from stays; a copy shares it between its files, which a node with none may part.
  constexpr std::size_t kLookBack = 2;
  std::vector<decltype(PlanNode::bytes)> bytes;
  oci::EntryEncoder encoder(oci::EntryEncoder::Form::listing);
  for (std::size_t i = 0; i != size_; ++i) {
    const PlanNode& node = nodes_[i];
    if (changed_) {
      encoder.entry(node.entry);
      encoder.number(static_cast<std::uint64_t>(node.origin));
    }
    std::size_t from = bytes.size();
    while (from > 0 && bytes.size() - from < kLookBack && bytes[from - 1] != node.bytes) --from;
    const bool known = from > 0 && bytes.size() - from < kLookBack;
    if (!known) bytes.push_back(node.bytes);
    if (changed_) encoder.number(known ? from - 1 : bytes.size() - 1);
  }
  if (changed_ && !store(encoder.out(), file)) return false;
  last_path_ = nodes_[size_ - 1].entry.path;
  bytes_ = std::move(bytes);
  bytes_.shrink_to_fit();
  free();
  spilled_ = true;
  return true;
}

void PlanPage::restore(const util::SpillFile& file) {
  std::string stored(stored_, '\0');
  file.get(position_.value(), std::as_writable_bytes(std::span(stored)));
  const std::size_t size = std::exchange(size_, 0);
  try {
    allocate();
    oci::EntryDecoder decoder(stored);
    while (size_ != size) {
      PlanNode node;
      node.entry = decoder.entry();
      node.origin = static_cast<PlanNode::Origin>(decoder.number());
      node.bytes = bytes_.at(decoder.number());
      insert(size_, std::move(node));
    }
  } catch (...) {
    free();
    size_ = size;
    throw;
  }
  bytes_.clear();
  spilled_ = false;
}

}  // namespace ops
