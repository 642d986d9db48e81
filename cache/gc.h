#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "cache/prune.h"

namespace cache {

/// How much the build cache may take when nobody prunes it, in bytes. Images of index.json do not count.
struct GcLimits {
  std::uint64_t reserved_space = 0;  ///< never below
  std::uint64_t max_used_space = 0;  ///< not above
  std::uint64_t min_free_space = 0;  ///< free on the disk
};

/// BuildKit's defaults (FEATURES 5.5): a tenth of the disk and at most 10 GB is reserved, four fifths and at most 100 GB
/// used, a fifth kept free.
GcLimits default_gc_limits(std::uint64_t disk_size);

/// The defaults, changed by `setting`: "off" (nullopt), or limits with commas, each a size or a share of the disk:
/// "max-used-space=20GB,reserved-space=5%,min-free-space=10GB". Throws util::Error on any other text.
std::optional<GcLimits> parse_gc_limits(std::string_view setting, std::uint64_t disk_size);

/// What a collection deletes, one policy after the other, as BuildKit does: what is made again most easily when it was
/// not used for 48 hours; beyond the reserved space what was not used for 60 days; then the least valuable until the
/// limits hold, at last with what images have a share in. `now`: nanoseconds since the epoch.
std::vector<PrunePolicy> gc_policies(const GcLimits& limits, std::int64_t now);

/// Whether the last collection in the store at `root` was a day ago, or an hour where the disk is fuller than the limits
/// want. A store that had none yet begins to count now. Opens nothing. Throws util::Error.
bool gc_is_due(const std::filesystem::path& root, const GcLimits& limits, std::int64_t now);

/// A collection, which is not due again then. nullopt where other processes are at work in the store: it stays due.
/// Throws util::Error.
std::optional<std::vector<UsageEntry>> collect_garbage(CacheDir& cache, const GcLimits& limits, std::int64_t now);

}  // namespace cache
