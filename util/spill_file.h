#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

#include "util/fd.h"
#include "util/stream.h"
#include "util/sync.h"

namespace util {

/// Where memory goes that is not needed for a while: a nameless file, made at the first `put`. The system may write it to the
/// disk when memory is short. Thread-safe.
class SpillFile {
 public:
  /// `directory`: where the file is made. Empty: nothing is taken.
  explicit SpillFile(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// Takes a copy and says where it is. nullopt when there is no room: then it has to stay in memory, as all that comes later.
  std::optional<std::uint64_t> put(Bytes data) noexcept;
  /// Replaces what was put there by as many bytes. False if that failed.
  bool put_again(std::uint64_t position, Bytes data) noexcept;
  /// Gives back what was put there. Throws util::Error.
  void get(std::uint64_t position, std::span<std::byte> data) const;

 private:
  int file();

  std::filesystem::path directory_;
  std::atomic<bool> full_{false};
  std::atomic<std::uint64_t> end_{0};
  Sync<Fd> file_{};
  std::atomic<int> fd_{-1};  ///< of `file_`, once it is there
};

}  // namespace util
