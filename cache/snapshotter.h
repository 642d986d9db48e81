#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "cache/result.h"
#include "oci/layer.h"
#include "util/mount.h"
#include "util/progress.h"

namespace cache {

/// A writable view on a chain of layers while a process runs in it; what is not committed is deleted.
class ActiveSnapshot {
 public:
  virtual ~ActiveSnapshot() = default;
  /// How the sandbox makes the root: mounts with target "/".
  virtual std::vector<util::Mount> mounts() const = 0;
  /// A read-only look at what the process will see at a path of the chain (not what it wrote), e.g. for passwd files.
  virtual std::shared_ptr<const Tree> tree() const = 0;
  /// After the process ended: everything it changed, metadata only (no content digests), unsorted. Sockets are left
  /// out.
  virtual std::vector<oci::LayerEntry> changes() = 0;
  /// Directory in overlay form with the changes; may be given to LayerStore::commit as take_directory.
  virtual std::filesystem::path directory() const = 0;
};

/// Seam with two implementations: kernel overlayfs, and plain copies where that is not available.
class Snapshotter {
 public:
  virtual ~Snapshotter() = default;
  /// Makes the directory forms of `chain` and an empty upper. Throws util::Error, Cancelled.
  virtual std::unique_ptr<ActiveSnapshot> prepare(std::span<const LayerId> chain, util::ProgressTask* task,
                                                  std::stop_token stop) = 0;
  /// Mounts (target to be set by the caller) that show `chain` read-only.
  virtual std::vector<util::Mount> view(std::span<const LayerId> chain, util::ProgressTask* task,
                                        std::stop_token stop) = 0;
};

}  // namespace cache
