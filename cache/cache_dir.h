#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>

#include "cache/content_store.h"
#include "cache/image_store.h"
#include "cache/layer_store.h"
#include "cache/mount_cache.h"
#include "cache/record_store.h"
#include "cache/result_index.h"
#include "cache/snapshotter.h"

namespace cache {

/// $BUILDER_ROOT, else /var/lib/builder for (real) root, else $XDG_DATA_HOME/builder, else ~/.local/share/builder.
/// Call before a user namespace is entered.
std::filesystem::path default_root();

enum class CacheUse {
  any,
  on_full_disk,  ///< gives the reserve (reserve.h) up meanwhile, so that it can be opened, and things deleted
};

/// The opened cache root: makes the directory, checks its version, holds `lock` shared while it lives, sweeps leftovers
/// of dead processes in tmp/, and hands out the stores. Throws util::Error.
class CacheDir {
 public:
  explicit CacheDir(const std::filesystem::path& root, CacheUse use = CacheUse::any);
  ~CacheDir();
  /// True if no other process uses the root: until `lock_shared` none can. The process itself must not be using layers.
  bool try_lock_exclusively();
  /// The same, waiting for the others to end; `waiting` is called once if there are any. Throws util::Cancelled.
  void lock_exclusively(std::stop_token stop, const std::function<void()>& waiting);
  void lock_shared();
  const std::filesystem::path& root() const;
  /// A directory for this process's temporaries on the store's file system; deleted at the end.
  std::filesystem::path temporary() const;
  std::filesystem::path stat_directory() const;
  ContentStore& content();
  RecordStore& records();
  LayerStore& layers();
  ImageStore& images();
  ResultIndex& results();
  MountCache& mounts();
  Snapshotter& snapshots();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cache
