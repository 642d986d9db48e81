#include "source/seen_directories.h"

#include <algorithm>

namespace source {
namespace {

/// Bytes that are no large directory, however little is to stay in memory.
constexpr std::int64_t kStays = std::int64_t{16} << 10;

}  // namespace

SeenDirectories::Held::Held(SeenDirectories& all, Directory& directory) : all_(all), directory_(directory), lock_(directory.mutex) {
  if (directory.names.is_spilled()) directory.names.restore(all.spill_);
}

SeenDirectories::Held SeenDirectories::hold(const std::string& path) {
  Directory& wanted = directory(path);
  wanted.used.store(true, std::memory_order_relaxed);
  trim();
  return {*this, wanted};
}

SeenDirectories::Directory& SeenDirectories::directory(const std::string& path) {
  std::lock_guard lock(mutex_);
  const auto found = directories_.find(std::string_view(path));
  return found != directories_.end() ? found->second : directories_.try_emplace(std::pmr::string(path, &staying_)).first->second;
}

/// The directory is locked.
void SeenDirectories::count(Directory& directory) {
  auto bytes = static_cast<std::int64_t>(directory.names.bytes());
  // A large one would come back for each of its names.
  if (bytes > std::max(in_memory_ / 4, kStays)) bytes = 0;
  if (bytes == directory.counted) return;
  resident_ += bytes - directory.counted;
  directory.counted = bytes;
  if (directory.queued || bytes == 0) return;
  directory.queued = true;
  std::lock_guard lock(mutex_);
  queue_.push_back(&directory);
}

void SeenDirectories::trim() {
  while (resident_.load(std::memory_order_relaxed) > in_memory_ && !no_room_.load(std::memory_order_relaxed)) {
    Directory* coldest = nullptr;
    {
      std::lock_guard lock(mutex_);
      for (std::size_t left = queue_.size(); left > 0 && coldest == nullptr; --left) {
        Directory* const next = queue_.front();
        queue_.pop_front();
        if (next->used.exchange(false, std::memory_order_relaxed)) {
          queue_.push_back(next);
        } else {
          coldest = next;
        }
      }
    }
    if (coldest == nullptr) return;
    // Whoever has it in use is not waited for.
    std::unique_lock lock(coldest->mutex, std::try_to_lock);
    if (!lock || coldest->used.load(std::memory_order_relaxed)) {
      std::lock_guard queue_lock(mutex_);
      queue_.push_back(coldest);
      return;
    }
    coldest->queued = false;
    if (coldest->counted == 0) continue;  // it has become large
    if (!coldest->names.spill(spill_)) no_room_ = true;
    count(*coldest);
  }
}

}  // namespace source
