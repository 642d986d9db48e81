#include "cache/content_hash.h"

#include <vector>

#include "cache/selection.h"
#include "oci/layer.h"
#include "util/error.h"
#include "util/parallel.h"
#include "util/pattern.h"
#include "util/stats.h"

namespace cache {
namespace {

struct Item {
  std::string relative;
  oci::LayerEntry entry;
};

std::string_view type_name(util::FileType type) {
  switch (type) {
    case util::FileType::regular:
    case util::FileType::socket:
      return "file";
    case util::FileType::directory:
      return "directory";
    case util::FileType::symlink:
      return "symlink";
    case util::FileType::char_device:
      return "char";
    case util::FileType::block_device:
      return "block";
    case util::FileType::fifo:
      return "fifo";
  }
  return "file";
}

void hash_entry(util::Hasher& hasher, const std::string& path, const oci::LayerEntry& entry) {
  hasher.field("path", path);
  hasher.field("type", type_name(entry.type));
  hasher.number("mode", entry.mode);
  hasher.number("uid", entry.uid);
  hasher.number("gid", entry.gid);
  for (const auto& [name, value] : entry.xattrs) {
    hasher.field("xattr", name);
    hasher.field("value", value);
  }
  if (entry.type == util::FileType::symlink) hasher.field("link", entry.link_target);
  if (entry.type == util::FileType::char_device || entry.type == util::FileType::block_device) {
    hasher.number("major", entry.device_major);
    hasher.number("minor", entry.device_minor);
  }
  if (entry.is_file()) hasher.field("content", entry.content);
}

/// The directories between the destination and a match that `--parents` makes with the metadata they have in the tree.
void hash_parents(util::Hasher& hasher, const Tree& tree, const Match& match) {
  for (std::size_t slash = match.kept.find('/'); slash != std::string::npos; slash = match.kept.find('/', slash + 1)) {
    std::size_t cut = match.kept.size() - slash;
    if (cut > match.path.size()) break;
    std::optional<oci::LayerEntry> entry = tree.find(match.path.substr(0, match.path.size() - cut));
    if (entry) hash_entry(hasher, match.kept.substr(0, slash), *entry);
  }
}

std::string match_name(const Match& match, const PathSelection& selection) {
  if (selection.parents) return match.kept;
  return selection.wildcard ? base_name(match.path) : std::string();
}

}  // namespace

util::Digest content_digest(const Tree& tree, const PathSelection& selection, std::stop_token stop) {
  util::ScopedTimer timer("content_digest");
  std::vector<Match> matches = match_selection(tree, selection);
  util::PatternMatcher exclude(selection.exclude);
  std::vector<Item> items;
  std::vector<std::size_t> ends;
  for (const Match& match : matches) {
    walk(tree, match, exclude, [&](const std::string& relative, const oci::LayerEntry& entry) {
      if (items.size() % 1024 == 0 && stop.stop_requested()) throw util::Cancelled();
      items.push_back(Item{relative, entry});
    });
    ends.push_back(items.size());
  }
  std::vector<oci::LayerEntry*> files;
  std::uint64_t bytes = 0;
  for (Item& found : items) {
    if (!found.entry.is_file() || found.entry.content) continue;
    files.push_back(&found.entry);
    bytes += found.entry.size;
  }
  util::parallel_for(files.size(), bytes, [&](std::size_t i) {
    if (stop.stop_requested()) throw util::Cancelled();
    files[i]->content = tree.content_digest(files[i]->path);
  });
  util::Hasher hasher("content/1");
  std::size_t item = 0;
  for (std::size_t i = 0; i != matches.size(); ++i) {
    hasher.field("match", match_name(matches[i], selection));
    if (selection.parents) hash_parents(hasher, tree, matches[i]);
    for (; item != ends[i]; ++item) hash_entry(hasher, items[item].relative, items[item].entry);
  }
  return hasher.finish();
}

}  // namespace cache
