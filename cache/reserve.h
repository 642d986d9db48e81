#pragma once

#include <cstdint>
#include <filesystem>

namespace cache {

/// Even deleting needs room: for the log of the database, and for directories. The cache sets so many bytes and some inodes
/// aside, in `reserve/` of its root. They are given up while a command runs that deletes, or shows what takes the room, so that
/// it works where the disk is full.
constexpr std::uint64_t kReserveSize = std::uint64_t{4} << 20;

/// Makes the reserve, or what is missing of it, if the disk has 16 times its size free. To be called where nothing depends on
/// it: a failure is only logged. `root`: a cache, nothing else, for its `reserve/` is taken for ours.
void make_reserve(const std::filesystem::path& root) noexcept;

/// The reserve of a cache, given up while this lives. Where there was one it is made again with what is free then, all of it
/// or as much as there is.
class [[nodiscard]] ReleasedReserve {
 public:
  explicit ReleasedReserve(const std::filesystem::path& root) noexcept;
  ReleasedReserve(ReleasedReserve&&) = delete;
  ~ReleasedReserve();
  /// Sets it aside again before the end, for the time of a wait.
  void take() noexcept;
  void give_up() noexcept;

 private:
  std::filesystem::path root_;
};

}  // namespace cache
