#include "source/seen_directories.h"

namespace source {

SeenDirectories::Held::Held(SeenDirectories& all, Directory& directory) : all_(all), directory_(directory), lock_(directory.mutex) {
  directory.used.store(true, std::memory_order_relaxed);
  if (directory.names.is_spilled()) directory.names.restore(all.spill_);
}

SeenDirectories::Held SeenDirectories::hold(const std::string& path) {
  trim();
  return {*this, directory(path)};
}

SeenDirectories::Directory& SeenDirectories::directory(const std::string& path) {
  std::lock_guard lock(mutex_);
  const auto found = directories_.find(std::string_view(path));
  return found != directories_.end() ? found->second : directories_.try_emplace(std::pmr::string(path, &staying_)).first->second;
}

/// The directory is locked.
void SeenDirectories::count(Directory& directory) {
  const auto bytes = static_cast<std::int64_t>(directory.names.bytes());
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
    if (!coldest->names.spill(spill_)) no_room_ = true;
    coldest->queued = false;
    count(*coldest);
  }
}

}  // namespace source
