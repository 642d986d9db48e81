#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "cache/layer_store.h"
#include "cache/snapshotter.h"

namespace cache {

/// Snapshots where overlayfs is not to be had: every view is a full copy of the merged tree, and what a process changed
/// is found by comparison. Slow, but needs no mount of its own kind. Thread-safe.
class CopySnapshotter final : public Snapshotter {
 public:
  /// `temporary`: where the copies live, on the file system of the cache root.
  CopySnapshotter(LayerStore& layers, std::filesystem::path temporary);
  ~CopySnapshotter() override;
  std::unique_ptr<ActiveSnapshot> prepare(std::span<const LayerId> chain, util::ProgressTask* task,
                                          std::stop_token stop) override;
  std::vector<util::Mount> view(std::span<const LayerId> chain, util::ProgressTask* task,
                                std::stop_token stop) override;

 private:
  struct Views;
  LayerStore& layers_;
  std::filesystem::path temporary_;
  std::unique_ptr<Views> views_;
};

}  // namespace cache
