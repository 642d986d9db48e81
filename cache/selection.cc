#include "cache/selection.h"

#include <algorithm>

#include "util/error.h"
#include "util/fs.h"
#include "util/text.h"

namespace cache {
namespace {

[[noreturn]] void throw_not_found(const Tree& tree, const std::string& named, const std::string& resolved) {
  const std::string place = tree.place();
  util::Error error("\"/" + util::clean_relative(named) + "\": not found" + (place.empty() ? "" : " in " + place));
  // The first component that is missing says more than the whole path.
  std::string parent;
  std::string missing;
  for (const std::string& part : util::split(resolved, '/')) {
    missing = part;
    if (!tree.find(join_path(parent, part))) break;
    parent = join_path(parent, part);
  }
  if (std::optional<std::string> why = tree.hidden_by(resolved)) {
    error.set_hint("it exists, but rule `" + *why + "` of the ignore file excludes it");
  } else if (std::optional<std::string> near = util::suggest(missing, tree.list(parent))) {
    error.set_hint("did you mean `" + join_path(parent, *near) + "`?");
  }
  throw error;
}

Match literal_match(const Tree& tree, const std::string& path, bool follow_links) {
  Match match;
  match.path = util::clean_relative(path);
  match.resolved = resolve_path(tree, path, follow_links);
  std::optional<oci::LayerEntry> entry = tree.find(match.resolved);
  if (!entry) throw_not_found(tree, path, match.resolved);
  match.entry = std::move(*entry);
  return match;
}

/// Entries below `directory` (resolved) whose path relative to it matches all of `patterns`, component by component.
void match_components(const Tree& tree, const std::string& directory, const std::vector<std::string>& patterns,
                      std::size_t index, std::vector<std::string>& found) {
  const std::string& pattern = patterns[index];
  std::vector<std::string> names;
  if (util::has_wildcard(pattern)) {
    for (std::string& name : tree.list(directory)) {
      if (util::match_path(pattern, name)) names.push_back(std::move(name));
    }
  } else {
    names.push_back(pattern);
  }
  for (const std::string& name : names) {
    std::string path = join_path(directory, name);
    std::optional<oci::LayerEntry> entry = tree.find(path);
    if (!entry) continue;
    if (index + 1 == patterns.size()) {
      found.push_back(path);
    } else if (entry->is_directory()) {
      match_components(tree, path, patterns, index + 1, found);
    }
  }
}

std::vector<Match> wildcard_matches(const Tree& tree, const PathSelection& selection) {
  std::vector<std::string> fixed;
  std::vector<std::string> patterns;
  for (std::string& part : util::split(util::clean_relative(selection.path), '/')) {
    if (part.empty()) continue;
    (patterns.empty() && !util::has_wildcard(part) ? fixed : patterns).push_back(std::move(part));
  }
  std::vector<Match> matches;
  if (patterns.empty()) {
    matches.push_back(literal_match(tree, selection.path, selection.follow_links));
    return matches;
  }
  std::string base = resolve_path(tree, util::join(fixed, "/"), true);
  std::optional<oci::LayerEntry> base_entry = tree.find(base);
  if (!base_entry || !base_entry->is_directory()) return matches;
  std::vector<std::string> found;
  match_components(tree, base, patterns, 0, found);
  for (const std::string& path : found) matches.push_back(literal_match(tree, path, selection.follow_links));
  return matches;
}

void match_below(const Tree& tree, const std::string& base, const std::string& relative,
                 const util::PatternMatcher& include, std::vector<Match>& matches) {
  for (const std::string& name : tree.list(join_path(base, relative))) {
    std::string kept = join_path(relative, name);
    std::string path = join_path(base, kept);
    std::optional<oci::LayerEntry> entry = tree.find(path);
    if (!entry) continue;
    if (include.matches(kept)) {
      matches.push_back(Match{path, path, kept, std::move(*entry)});
    } else if (entry->is_directory()) {
      match_below(tree, base, kept, include, matches);
    }
  }
}

/// Directories that the part of a `--parents` source before its pivot names; it may have wildcards of its own.
std::vector<Match> pivot_bases(const Tree& tree, const std::string& base_part) {
  std::vector<Match> bases;
  if (util::has_wildcard(base_part)) {
    match_below(tree, "", "", util::PatternMatcher({util::clean_relative(base_part)}), bases);
    std::erase_if(bases, [](const Match& base) { return !base.entry.is_directory(); });
  } else {
    bases.push_back(literal_match(tree, base_part, true));
  }
  return bases;
}

std::vector<Match> parents_matches(const Tree& tree, const PathSelection& selection) {
  std::string base_part;
  std::string pattern = selection.path;
  if (std::size_t pivot = pattern.find("/./"); pivot != std::string::npos) {
    base_part = pattern.substr(0, pivot);
    pattern = pattern.substr(pivot + 3);
  }
  pattern = util::clean_relative(pattern);
  const bool wildcard = selection.wildcard && util::has_wildcard(selection.path);
  std::vector<Match> matches;
  for (Match& base : pivot_bases(tree, selection.wildcard ? base_part : util::clean_relative(base_part))) {
    if (pattern.empty()) {
      base.kept.clear();
      matches.push_back(std::move(base));
    } else if (util::has_wildcard(pattern) && selection.wildcard) {
      if (base.entry.is_directory()) match_below(tree, base.resolved, "", util::PatternMatcher({pattern}), matches);
    } else {
      std::string path = join_path(base.resolved, pattern);
      std::string resolved = resolve_path(tree, path, selection.follow_links);
      std::optional<oci::LayerEntry> entry = tree.find(resolved);
      if (!entry && wildcard) continue;
      if (!entry) throw_not_found(tree, selection.path, resolved);
      matches.push_back(Match{std::move(path), std::move(resolved), pattern, std::move(*entry)});
    }
  }
  return matches;
}

/// The path an exclude pattern sees for an entry of a match.
std::string exclude_path(const Match& match, const std::string& relative) {
  return join_path(match.kept, relative);
}

class Walker {
 public:
  Walker(const Tree& tree, const Match& match, const util::PatternMatcher& exclude, const WalkVisitor& visit,
         const std::stop_token& stop)
      : tree_(tree), match_(match), exclude_(exclude), visit_(visit), stop_(stop) {}

  void run() {
    std::jthread ahead;
    if (match_.entry.is_directory()) {
      ahead = tree_.prefetch(match_.resolved, [this](const std::string& directory) {
        if (stop_.stop_requested()) throw util::Cancelled();
        const std::string relative = match_.resolved.empty() ? directory : directory.substr(match_.resolved.size() + 1);
        return excluded(relative) && !exclude_.may_match_below(exclude_path(match_, relative));
      });
    }
    oci::LayerEntry top = match_.entry;
    enter("", top);
  }

 private:
  bool excluded(const std::string& relative) const {
    if (exclude_.empty()) return false;
    std::string path = exclude_path(match_, relative);
    return !path.empty() && exclude_.matches(path);
  }

  void enter(const std::string& relative, oci::LayerEntry& entry) {
    bool hidden = excluded(relative);
    if (!entry.is_directory()) {
      if (hidden) return;
      flush();
      visit_(relative, entry);
      return;
    }
    if (hidden && !exclude_.may_match_below(exclude_path(match_, relative))) return;
    if (stop_.stop_requested()) throw util::Cancelled();
    pending_.push_back({relative, std::move(entry)});
    std::size_t depth = pending_.size();
    if (!hidden) flush();
    std::string below = relative.empty() ? std::string() : relative + '/';
    const std::size_t above = below.size();
    for (oci::LayerEntry& child : tree_.entries(join_path(match_.resolved, relative))) {
      below.resize(above);
      below.append(child.path, child.path.rfind('/') + 1);
      enter(below, child);
    }
    if (pending_.size() == depth) pending_.pop_back();
    flushed_ = std::min(flushed_, pending_.size());
  }

  /// Visits the directories on the way that were held back.
  void flush() {
    for (; flushed_ < pending_.size(); ++flushed_) visit_(pending_[flushed_].relative, pending_[flushed_].entry);
  }

  struct Directory {
    std::string relative;
    oci::LayerEntry entry;
  };
  const Tree& tree_;
  const Match& match_;
  const util::PatternMatcher& exclude_;
  const WalkVisitor& visit_;
  const std::stop_token& stop_;
  std::vector<Directory> pending_;  ///< directories from the match down to where the walk is
  std::size_t flushed_ = 0;         ///< how many of them were visited
};

}  // namespace

std::string join_path(const std::string& directory, std::string_view name) {
  if (directory.empty()) return std::string(name);
  if (name.empty()) return directory;
  std::string path;
  path.reserve(directory.size() + 1 + name.size());
  return path.append(directory).append(1, '/').append(name);
}

std::string parent_path(const std::string& path) {
  std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::string base_name(const std::string& path) {
  std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::vector<Match> match_selection(const Tree& tree, const PathSelection& selection) {
  std::vector<Match> matches;
  if (selection.parents) {
    matches = parents_matches(tree, selection);
  } else if (selection.wildcard) {
    matches = wildcard_matches(tree, selection);
  } else {
    matches.push_back(literal_match(tree, selection.path, selection.follow_links));
  }
  if (!selection.exclude.empty() && (selection.parents || selection.wildcard)) {
    util::PatternMatcher exclude(selection.exclude);
    std::erase_if(matches, [&](const Match& match) {
      if (match.entry.is_directory()) return false;
      std::string name = selection.parents ? match.kept : base_name(match.path);
      return !name.empty() && exclude.matches(name);
    });
  }
  return matches;
}

void walk(const Tree& tree, const Match& match, const util::PatternMatcher& exclude, const WalkVisitor& visit,
          const std::stop_token& stop) {
  Walker(tree, match, exclude, visit, stop).run();
}

}  // namespace cache
