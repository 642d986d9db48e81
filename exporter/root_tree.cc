#include "exporter/root_tree.h"

#include <fmt/format.h>

#include <utility>

#include "exporter/epoch.h"
#include "util/error.h"
#include "util/text.h"

namespace exporter {
namespace {

/// Is that other name still the same file, or has an upper layer put something else there?
bool same_file(const oci::LayerEntry& a, const oci::LayerEntry& b) {
  return b.is_file() && b.hard_link.empty() && a.size == b.size && a.content == b.content && a.mode == b.mode &&
         a.uid == b.uid && a.gid == b.gid && a.mtime == b.mtime && a.xattrs == b.xattrs;
}

oci::LayerEntry find_entry(const RootTree& root, const std::string& path) {
  std::optional<oci::LayerEntry> entry = root.tree->find(path);
  if (!entry) throw util::Error(fmt::format("export `/{}`: it is not in the result any more", path));
  return std::move(*entry);
}

void walk_below(const RootTree& root, const std::string& directory,
                const std::function<void(const oci::LayerEntry&)>& visit, const std::stop_token& stop) {
  for (const std::string& name : root.tree->list(directory)) {
    if (stop.stop_requested()) throw util::Cancelled();
    oci::LayerEntry entry = shown_entry(root, directory.empty() ? name : directory + "/" + name);
    if (entry.type == util::FileType::socket) continue;
    visit(entry);
    if (entry.is_directory()) walk_below(root, entry.path, visit, stop);
  }
}

}  // namespace

std::vector<RootTree> open_root_trees(const ExportRequest& request, cache::CacheDir& cache, std::stop_token stop) {
  auto attribute = request.output.other.find("platform-split");
  bool split = attribute == request.output.other.end() ? request.images.size() > 1 || request.index
                                                       : attribute->second == "true";
  std::vector<RootTree> roots;
  for (const PlatformImage& image : request.images) {
    RootTree root;
    root.platform = image.platform;
    if (split) root.prefix = util::replace_all(image.platform.to_string(), "/", "_");
    root.tree = cache.layers().tree(image.layers, stop);
    if (std::optional<std::int64_t> epoch = effective_epoch(request.output, image.source_date_epoch)) {
      root.time = *epoch * 1'000'000'000;
    }
    roots.push_back(std::move(root));
  }
  return roots;
}

oci::LayerEntry shown_entry(const RootTree& root, const std::string& path) {
  oci::LayerEntry entry = find_entry(root, path);
  if (!entry.hard_link.empty()) {
    std::optional<oci::LayerEntry> first = root.tree->find(entry.hard_link);
    if (!first || !same_file(entry, *first)) entry.hard_link.clear();
  }
  if (root.time) entry.mtime = *root.time;
  return entry;
}

void walk(const RootTree& root, const std::function<void(const oci::LayerEntry&)>& visit, const std::stop_token& stop) {
  walk_below(root, "", visit, stop);
}

bool ClashCheck::add(const std::string& path, bool directory) {
  auto [known, added] = directories_.try_emplace(path, directory);
  if (added) return true;
  if (known->second && directory) return false;
  throw util::Error(fmt::format("export `/{}`: several platforms have a file there", path),
                    "leave `platform-split=false` away");
}

}  // namespace exporter
