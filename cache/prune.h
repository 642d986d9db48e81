#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "cache/cache_dir.h"
#include "cache/usage.h"

namespace cache {

/// What `prune` may delete. What an image of index.json needs and what is in use always stays.
struct PrunePolicy {
  bool all = false;  ///< also what images have a share in, and internal things
  std::function<bool(const UsageEntry&)> filter;  ///< only what it accepts; null = everything
  // Limits, in bytes. With none of them everything goes that may; else only as much as keeps them.
  std::optional<std::uint64_t> reserved_space;  ///< never below
  std::optional<std::uint64_t> max_used_space;  ///< not above
  std::optional<std::uint64_t> min_free_space;  ///< free on the disk
};

/// Bytes that are free for us on the disk of `root`. Throws util::Error.
std::uint64_t free_space_of(const std::filesystem::path& root);

/// What of a report goes, the least valuable first: what nothing names, then what was not used for the longest time;
/// of equally old layers the upper before the lower, then the larger. A layer takes the layers along that only existed
/// on top of it. Pure; `free_space`: bytes free on the disk.
std::vector<UsageEntry> select_for_pruning(const UsageReport& report, const PrunePolicy& policy,
                                           std::uint64_t free_space);

/// Deletes and returns what was deleted. Needs the root for itself: waits for other processes, calling `waiting` once
/// if there are any; they can go on as soon as everything is out of the way, before the bytes are deleted. Killed at any
/// instant it leaves a store that works: rows go first, and what is left then is taken by the next prune. Must run
/// where the owners of layers can be changed (in the user namespace). Throws util::Error, util::Cancelled.
std::vector<UsageEntry> prune(CacheDir& cache, const PrunePolicy& policy, const std::function<void()>& waiting,
                              std::stop_token stop);

/// The same by several policies, each on what the ones before leave, if no other process uses the root; else nullopt, and
/// nothing is deleted.
std::optional<std::vector<UsageEntry>> prune_if_alone(CacheDir& cache, std::span<const PrunePolicy> policies);

struct DeletedBlobs {
  std::vector<util::Digest> blobs;  ///< in the order they were given
  std::uint64_t bytes = 0;          ///< with the unpacked forms of layers
};

/// Deletes the bytes of an image that is no longer in index.json, as far as neither another image nor the build cache
/// knows them: `blobs` as image_blobs gave them before. Where other processes are at work the bytes stay for the next
/// prune, and count as deleted. Throws util::Error.
DeletedBlobs delete_image_blobs(CacheDir& cache, const std::vector<util::Digest>& blobs);

}  // namespace cache
