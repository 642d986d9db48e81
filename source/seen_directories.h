#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "source/seen_names.h"
#include "util/place_table.h"
#include "util/spill_file.h"

namespace source {

/// What is known of the names in the directories of a tree, by the directories' paths. Only some megabytes of it stay in memory,
/// and directories that are large by themselves; the rest is in a nameless file, and eight to sixteen bytes of each directory
/// say where. Thread-safe.
class SeenDirectories {
 public:
  /// Bytes; a directory of more than a quarter of it stays.
  static constexpr std::size_t kInMemory = std::size_t{10} << 20;

  /// `spill_directory`: where that file is made; empty: all stays in memory.
  explicit SeenDirectories(std::filesystem::path spill_directory, std::size_t in_memory = kInMemory)
      : spill_(std::move(spill_directory)), in_memory_(in_memory) {}

  struct Directory {
    bool listed = false;  ///< `names` are all there are; until then, those that were asked for. Changes with them only
    SeenNames names;      ///< hidden ones too

   private:
    friend class SeenDirectories;
    // A bare mutex: it guards what it stands beside.
    std::mutex mutex;
    std::atomic<int> holders = 0;  ///< that have it or wait for it; from none to one only under the `mutex_` of all
    std::uint32_t place = 0;       ///< of what the file has of it, in units of 8 bytes, plus one; 0: nothing
    std::size_t stored_size = 0;   ///< bytes of that
    std::int64_t counted = 0;      ///< bytes of it in `resident_`
    bool queued = false;
    std::atomic<bool> used = false;  ///< since somebody looked for what could be put out of memory
  };
  /// A directory in memory, locked. Whoever has one must not ask for another.
  class Held {
   public:
    Held(Held&&) = delete;
    ~Held();
    Directory* operator->() const { return &entry_.second; }
    Directory& operator*() const { return entry_.second; }

   private:
    friend class SeenDirectories;
    using Entry = std::pair<const std::string, Directory>;
    Held(SeenDirectories& all, Entry& entry) : all_(all), entry_(entry), lock_(entry.second.mutex) {}
    SeenDirectories& all_;
    Entry& entry_;
    std::unique_lock<std::mutex> lock_;
  };
  /// Without names when nobody asked before. Throws util::Error.
  [[nodiscard]] Held hold(const std::string& path);

 private:
  using Entry = Held::Entry;
  Entry& entry(const std::string& path);
  void restore(Entry& entry);
  SeenNames take_spare(std::size_t bytes);
  bool spill(Entry& entry);
  void count(Entry& entry);
  void trim();

  util::SpillFile spill_;
  const std::size_t in_memory_;  ///< bytes
  std::atomic<std::int64_t> resident_{0};  ///< bytes
  std::mutex mutex_;                       // of what follows, but not of the directories in it while they are held; taken last
  bool no_room_ = false;
  std::unordered_map<std::string, Directory> directories_;  ///< those in memory
  std::deque<Entry*> queue_;  ///< of them; who was not used when its turn comes goes out
  /// Of what the file has; all in memory, so that nothing can fail.
  util::PlaceTable places_;
  /// Of directories that went out: who comes back takes their memory, for of that of other threads the heap has little use.
  std::vector<SeenNames> spare_;
};

}  // namespace source
