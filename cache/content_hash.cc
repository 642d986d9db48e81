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

/// So many entries are held at a time, while what is not known of their contents is read on all cores.
constexpr std::size_t kBatch = 4096;

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
  if (entry.type == util::FileType::symlink) hasher.field("link", *entry.link_target);
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

/// Takes what a selection names in order, and hashes it in order; what waits for the content of another is kept until then.
class Digester {
 public:
  Digester(const Tree& tree, std::stop_token stop) : tree_(tree), stop_(std::move(stop)) {}

  void add(const std::string& relative, oci::LayerEntry& entry) {
    if (items_.empty() && is_known(entry)) {
      if (++known_ % kBatch == 0 && stop_.stop_requested()) throw util::Cancelled();
      hash_entry(hasher_, relative, entry);
      return;
    }
    items_.push_back(Item{relative, std::move(entry)});
    if (items_.size() == kBatch) flush();
  }
  /// For fields that stand between entries.
  util::Hasher& hasher() {
    flush();
    return hasher_;
  }

 private:
  static bool is_known(const oci::LayerEntry& entry) { return !entry.is_file() || entry.content; }

  struct Item {
    std::string relative;
    oci::LayerEntry entry;
  };

  void flush() {
    if (stop_.stop_requested()) throw util::Cancelled();
    std::vector<oci::LayerEntry*> unknown;
    std::uint64_t bytes = 0;
    for (Item& item : items_) {
      if (is_known(item.entry)) continue;
      unknown.push_back(&item.entry);
      bytes += item.entry.size;
    }
    util::parallel_for(unknown.size(), bytes, [&](std::size_t i) {
      if (stop_.stop_requested()) throw util::Cancelled();
      unknown[i]->content = tree_.content_digest(unknown[i]->path, stop_);
    });
    for (const Item& item : items_) hash_entry(hasher_, item.relative, item.entry);
    items_.clear();
  }

  const Tree& tree_;
  std::stop_token stop_;
  util::Hasher hasher_{"content/1"};
  std::vector<Item> items_;
  std::size_t known_ = 0;  ///< entries that did not have to wait
};

}  // namespace

util::Digest content_digest(const Tree& tree, const PathSelection& selection, std::stop_token stop) {
  util::ScopedTimer timer("content_digest");
  const util::PatternMatcher exclude(selection.exclude);
  Digester digester(tree, stop);
  for (const Match& match : match_selection(tree, selection)) {
    digester.hasher().field("match", match_name(match, selection));
    if (selection.parents) hash_parents(digester.hasher(), tree, match);
    walk(
        tree, match, exclude, [&](const std::string& relative, oci::LayerEntry& entry) { digester.add(relative, entry); },
        stop);
  }
  return digester.hasher().finish();
}

}  // namespace cache
