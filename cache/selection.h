#pragma once

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/content_hash.h"
#include "cache/tree.h"
#include "oci/layer.h"
#include "util/pattern.h"

namespace cache {

/// One entry that a selection names. What a copy takes and what its key digests are found by the same functions.
struct Match {
  std::string path;       ///< as it was named or matched, clean; its last component names the copy
  std::string resolved;   ///< where the entry is in the tree: links followed as the selection says
  std::string kept;       ///< only with `parents`: path that is kept below the destination
  oci::LayerEntry entry;  ///< the entry at `resolved`
};

/// Entries a selection names, sorted; never one below another. A literal path that is not there throws util::Error
/// ``"/path": not found`` with a hint; a wildcard may match nothing. Wildcards match component by component
/// (util::match_path), do not look through links and stop at the first match on the way down; with `parents` they are
/// ignore patterns (`**`) below the pivot "/./", and matching stops at the topmost match. A match that is excluded by
/// itself (its name, or with `parents` its kept path) is left out, but for directories with re-included content.
std::vector<Match> match_selection(const Tree& tree, const PathSelection& selection);

/// Called for a match itself (`relative` = "") and everything below it, a directory before its content, siblings
/// sorted by bytes. The entry may be moved from.
using WalkVisitor = std::function<void(const std::string& relative, oci::LayerEntry& entry)>;

/// Walks a match, leaving out what `exclude` matches by the path relative to the match (with `parents`: by the kept
/// path). An excluded directory comes only if something below it is included again. Links are not followed. Throws
/// util::Cancelled on `stop`, soon also while the tree is looked at before the first call.
void walk(const Tree& tree, const Match& match, const util::PatternMatcher& exclude, const WalkVisitor& visit,
          const std::stop_token& stop = {});

/// "a" + "b" -> "a/b"; an empty side gives the other.
std::string join_path(const std::string& directory, std::string_view name);
/// "a/b" -> "a"; "b" -> "".
std::string parent_path(const std::string& path);
/// "a/b" -> "b".
std::string base_name(const std::string& path);

}  // namespace cache
