#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cache/layer_store.h"
#include "cache/snapshotter.h"

namespace cache {

/// Snapshots by kernel overlayfs. Nothing is mounted here: the mounts are data for the sandbox, whose overlay must have
/// neither redirect_dir nor metacopy. Thread-safe.
class OverlaySnapshotter final : public Snapshotter {
 public:
  /// `root`: the cache root; `temporary`: where the upper directories live, on its file system.
  OverlaySnapshotter(LayerStore& layers, std::filesystem::path root, std::filesystem::path temporary);
  std::unique_ptr<ActiveSnapshot> prepare(std::span<const LayerId> chain, util::ProgressTask* task,
                                          std::stop_token stop) override;
  std::vector<util::Mount> view(std::span<const LayerId> chain, util::ProgressTask* task,
                                std::stop_token stop) override;

 private:
  std::vector<std::string> lower_directories(std::span<const LayerId> chain, util::ProgressTask* task,
                                             std::stop_token stop);
  std::string amended_directory(std::span<const LayerId> chain, const std::vector<std::string>& implied,
                                std::stop_token stop);
  std::string empty_directory();

  LayerStore& layers_;
  std::filesystem::path root_;
  std::filesystem::path temporary_;
};

/// Whether overlayfs can be mounted with its upper directory on the file system of `root` (a cache root with tmp/): a
/// child process tries it in a mount namespace of its own.
bool overlay_usable(const std::filesystem::path& root);

}  // namespace cache
