#pragma once

#include <cstdint>
#include <filesystem>

namespace cache {

/// Even deleting needs room: for the log of the database, and for directories. The cache keeps a file of this many bytes, which
/// is given up when a command starts that deletes, or shows what takes the room, so that it works where the disk is full.
constexpr std::uint64_t kReserveSize = std::uint64_t{4} << 20;

/// Makes the file `reserve` in the cache root, unless it is there, the disk has less than 16 times its size free, or the file
/// system cannot give room in advance. To be called where nothing depends on it: a failure is only logged.
void make_reserve(const std::filesystem::path& root) noexcept;

/// Gives the reserve of a cache root up while it lives, and makes it again.
class [[nodiscard]] ReleasedReserve {
 public:
  explicit ReleasedReserve(std::filesystem::path root) noexcept;
  ReleasedReserve(ReleasedReserve&&) = delete;
  ~ReleasedReserve();

 private:
  std::filesystem::path root_;
  bool was_there_;
};

}  // namespace cache
