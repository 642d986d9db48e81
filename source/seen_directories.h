#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory_resource>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "source/seen_names.h"
#include "util/spill_file.h"

namespace source {

/// What is known of the names in the directories of a tree, by the directories' paths. Only some megabytes of it stay in memory,
/// and directories that are large by themselves; the rest is in a nameless file. Thread-safe.
class SeenDirectories {
 public:
  /// Bytes; a directory of more than a quarter of it stays.
  static constexpr std::size_t kInMemory = std::size_t{6} << 20;

  /// `spill_directory`: where that file is made; empty: all stays in memory.
  explicit SeenDirectories(std::filesystem::path spill_directory, std::size_t in_memory = kInMemory)
      : spill_(std::move(spill_directory)), in_memory_(static_cast<std::int64_t>(in_memory)) {}

  struct Directory {
    bool listed = false;  ///< `names` are all there are; until then, those that were asked for
    SeenNames names;      ///< hidden ones too

   private:
    friend class SeenDirectories;
    // A bare mutex: it guards what it stands beside.
    std::mutex mutex;
    std::int64_t counted = 0;  ///< bytes of it in `resident_`
    bool queued = false;
    std::atomic<bool> used = false;  ///< since somebody looked for what could be put out of memory
  };
  /// A directory in memory, locked. Whoever has one must not ask for another.
  class Held {
   public:
    Held(Held&&) = delete;
    ~Held() { all_.count(directory_); }
    Directory* operator->() const { return &directory_; }
    Directory& operator*() const { return directory_; }

   private:
    friend class SeenDirectories;
    Held(SeenDirectories& all, Directory& directory);
    SeenDirectories& all_;
    Directory& directory_;
    std::unique_lock<std::mutex> lock_;
  };
  /// Without names when nobody asked before. Throws util::Error.
  [[nodiscard]] Held hold(const std::string& path);

 private:
  struct PathHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view path) const { return std::hash<std::string_view>()(path); }
  };
  Directory& directory(const std::string& path);
  void count(Directory& directory);
  void trim();

  util::SpillFile spill_;
  const std::int64_t in_memory_;
  std::atomic<std::int64_t> resident_{0};  ///< bytes
  std::atomic<bool> no_room_{false};
  std::mutex mutex_;  // of what follows, but not of the directories in it; taken last
  /// What stays lies together: between what comes and goes, the heap would keep the holes.
  std::pmr::monotonic_buffer_resource staying_{std::size_t{16} << 10};
  std::pmr::unordered_map<std::pmr::string, Directory, PathHash, std::equal_to<>> directories_{&staying_};
  std::deque<Directory*> queue_;  ///< those in memory; who was not used when its turn comes goes out
};

}  // namespace source
