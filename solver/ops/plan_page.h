#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "oci/layer.h"
#include "solver/ops/file_content.h"
#include "util/spill_file.h"

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

/// Where pages have their memory from: the system, for between texts that stay the heap would keep it. A little of what one
/// gives back waits for the next. Not thread-safe.
class PlanMemory {
 public:
  static constexpr std::size_t kBytes = std::size_t{32} << 10;

  PlanMemory() = default;
  PlanMemory(const PlanMemory&) = delete;
  PlanMemory& operator=(const PlanMemory&) = delete;
  ~PlanMemory();
  /// `kBytes` of it. Throws std::bad_alloc.
  void* take();
  void give(void* memory) noexcept;

 private:
  std::array<void*, 4> waiting_{};
  std::size_t count_ = 0;
};

/// Some nodes in order, side by side. They can be put out of memory and come back. Not thread-safe.
class PlanPage {
 public:
  static constexpr std::size_t kCapacity = PlanMemory::kBytes / sizeof(PlanNode);

  /// `memory` must outlive the page.
  explicit PlanPage(PlanMemory& memory) : memory_(memory) {}
  PlanPage(const PlanPage&) = delete;
  PlanPage& operator=(const PlanPage&) = delete;
  ~PlanPage() { free(); }

  std::size_t size() const { return size_; }
  /// Also when it is out of memory.
  std::string_view last_path() const { return spilled_ ? std::string_view(last_path_) : std::string_view(nodes_[size_ - 1].entry.path); }

  // Only in memory.
  PlanNode* begin() { return nodes_; }
  PlanNode* end() { return nodes_ + size_; }
  PlanNode& operator[](std::size_t at) { return nodes_[at]; }
  /// There must be room.
  void insert(std::size_t at, PlanNode node);
  void erase(std::size_t from, std::size_t to);
  /// The nodes from `at` on move to the end of `behind`, which is empty.
  void split(std::size_t at, PlanPage& behind);
  void note_changed() { changed_ = true; }

  bool is_spilled() const { return spilled_; }
  /// Gives the memory back. False if there is no room in `file`.
  bool spill(util::SpillFile& file);
  /// Throws util::Error.
  void restore(const util::SpillFile& file);

  bool used = false;  ///< of use to the owner

 private:
  void allocate();
  void free() noexcept;
  bool store(std::string& encoded, util::SpillFile& file);

  PlanMemory& memory_;
  PlanNode* nodes_ = nullptr;
  std::size_t size_ = 0;
  bool changed_ = true;  ///< since it was spilled last
  bool spilled_ = false;
  std::string last_path_;                          ///< while it is spilled
  std::optional<std::uint64_t> position_;          ///< where it was spilled
  std::size_t stored_ = 0, room_ = 0;              ///< bytes there, and how many there may be
  std::vector<decltype(PlanNode::bytes)> bytes_;   ///< of the nodes, while it is spilled; each for one or several in a row
};

}  // namespace ops
