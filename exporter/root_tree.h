#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/tree.h"
#include "exporter/exporter.h"

namespace exporter {

/// Root file system of one platform and where it goes in the output.
struct RootTree {
  oci::Platform platform;
  std::string prefix;  ///< "linux_amd64", or "" when platforms are not kept apart
  std::shared_ptr<const cache::Tree> tree;
  std::optional<util::Nanoseconds> time;  ///< SOURCE_DATE_EPOCH: what all files get
};

/// The trees of all platforms of the request, opened. Kept apart by directory when there are several, unless
/// `platform-split` says otherwise. Throws util::Error.
std::vector<RootTree> open_root_trees(const ExportRequest& request, cache::CacheDir& cache, std::stop_token stop);

/// Visits everything below the root, a directory before what is in it, in the order of oci::path_less. Entries have the
/// time that the output asks for; sockets are left out. An entry with `hard_link` is the same file as the one at that
/// path, which was visited before; where the tree has another file there by now, `hard_link` is empty.
void walk(const RootTree& root, const std::function<void(const oci::LayerEntry&)>& visit, const std::stop_token& stop);

/// Entry at `path` as `walk` shows it.
oci::LayerEntry shown_entry(const RootTree& root, const std::string& path);

/// Notices when files of several platforms have the same path in one output. Directories may.
class ClashCheck {
 public:
  /// Adds an entry; false for a directory that is there already. Throws util::Error for anything else.
  bool add(const std::string& path, bool directory);

 private:
  std::map<std::string, bool> directories_;
};

}  // namespace exporter
