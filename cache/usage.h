#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cache/cache_dir.h"
#include "cache/record_store_usage.h"

namespace cache {

/// Kinds of what the store keeps besides images. The names are BuildKit's, plus one.
enum class UsageType { regular, source_local, source_git_checkout, source_http, exec_cachemount, internal };
/// "regular", "source.local", "source.git.checkout", "source.http", "exec.cachemount", "internal".
std::string_view to_string(UsageType type);

/// One thing in the store that can be deleted on its own. Times are nanoseconds since the epoch.
struct UsageEntry {
  std::string id;  ///< 25 characters, as BuildKit's
  UsageType type = UsageType::regular;
  std::string description;
  std::vector<std::string> parents;  ///< ids of the layers below, the nearest one
  std::uint64_t size = 0;            ///< bytes
  std::uint64_t shared_size = 0;     ///< of these, bytes that an image needs: they stay
  std::int64_t created = 0;          ///< 0 = unknown
  std::int64_t used = 0;             ///< to the hour
  bool in_use = false;               ///< a step runs with it right now
  bool is_mutable = false;           ///< changes by being used
  bool orphan = false;               ///< nothing names it any more: left by a crash or replaced
  bool derived = false;              ///< made again at once from the layers, and of no use without them
  int depth = 0;                     ///< how many layers are below it at most

  // What it consists of.
  std::vector<LayerId> layers;
  std::vector<std::string> facts;
  std::vector<std::filesystem::path> paths;  ///< files and directories, absolute
  std::vector<util::Digest> blobs;           ///< without those that an image needs

  bool shared() const { return shared_size > 0; }
  /// Bytes that are free when it is deleted.
  std::uint64_t own_size() const { return size - shared_size; }
};
/// The sum of their own sizes.
std::uint64_t own_size(std::span<const UsageEntry> entries);

/// What is where in a store.
struct UsageReport {
  std::vector<UsageEntry> entries;         ///< most recently used first
  std::vector<RecordUse> records;          ///< all build records
  std::set<util::Digest> image_blobs;      ///< what the images of index.json need
  std::uint64_t images_size = 0;           ///< bytes of these
  std::uint64_t size() const { return own_size(entries); }
};

enum class UsageScope { everything, layers };  ///< layers: and blobs and directories that nothing names

/// Looks at everything in the store. Other processes may work in it meanwhile: the report is a snapshot. Directories of
/// cache mounts and git checkouts are walked; the rest is what the database says. Throws util::Error.
UsageReport usage(CacheDir& cache, UsageScope scope = UsageScope::everything);

/// The length of ids in reports.
inline constexpr std::size_t kUsageIdLength = 25;

}  // namespace cache
