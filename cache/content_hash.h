#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "cache/tree.h"
#include "util/digest.h"

namespace cache {

/// What an op sees of an input: a path or wildcard, and what is left out below it.
struct PathSelection {
  std::string path;                       ///< "" or "/" = the whole tree
  bool wildcard = false;                  ///< path has wildcards that count
  bool follow_links = true;               ///< a link that is named itself is followed
  std::vector<std::string> exclude = {};  ///< ignore patterns relative to each matched path
  bool parents = false;                   ///< --parents: wildcards with `**`, "/./" pivot
};

/// Content digest of a selection, recipe "content/1": type, mode, owner, xattrs, link target, device, content and
/// path of every entry; not times. Files are hashed on all cores. A selection that matches nothing has a digest
/// too. Throws util::Error, Cancelled.
util::Digest content_digest(const Tree& tree, const PathSelection& selection, std::stop_token stop = {});

}  // namespace cache
