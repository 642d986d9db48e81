#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

namespace cache {

/// A cache mount in use; released by the destructor.
class MountLease {
 public:
  virtual ~MountLease() = default;
  virtual const std::filesystem::path& directory() const = 0;
};

enum class MountSharing { shared, exclusive_or_other, locked };

/// Directories of `RUN --mount=type=cache`, below mounts/. Thread-safe, several processes.
class MountCache {
 public:
  explicit MountCache(std::filesystem::path directory);
  /// `key` identifies the cache (namespace, id, base, owner, mode). `shared`: everybody gets the same directory;
  /// `locked`: waits until it is free; `exclusive_or_other` (private): another directory if the first is in use. A
  /// directory that was made just now is filled by `fill(path)` before anybody sees it.
  std::unique_ptr<MountLease> acquire(const std::string& key, MountSharing sharing,
                                      const std::function<void(const std::filesystem::path&)>& fill,
                                      std::stop_token stop);
  /// Empties the cache of that key (--no-cache).
  void clear(const std::string& key, std::stop_token stop);

 private:
  std::filesystem::path directory_;
};

}  // namespace cache
