#include "solver/ops/tree_layer.h"

#include "cache/selection.h"
#include "solver/ops/background_packer.h"
#include "util/error.h"
#include "util/pattern.h"

namespace ops {
namespace {

/// Longer lists would make the records of the cache large and tell nobody anything.
constexpr std::size_t kMostDescribed = 500;

cache::Match match_path(const cache::Tree& tree, const std::string& path) {
  cache::PathSelection selection;
  selection.path = path;
  return cache::match_selection(tree, selection).at(0);
}

util::Digest selections_digest(const cache::Tree& tree, const std::vector<cache::PathSelection>& selections,
                               std::stop_token stop) {
  if (selections.size() == 1) return cache::content_digest(tree, selections[0], stop);
  util::Hasher hash("selections/1");
  for (const cache::PathSelection& selection : selections) {
    hash.field("selection", cache::content_digest(tree, selection, stop));
  }
  return hash.finish();
}

}  // namespace

std::shared_ptr<const cache::Tree> tree_of(const OpServices& services, const cache::Result& result,
                                           std::stop_token stop) {
  if (result.tree != nullptr) return result.tree;
  if (result.layers.empty()) return std::make_shared<cache::MemoryTree>();
  return services.layers.tree(result.layers, std::move(stop));
}

cache::LayerId commit_layer(const OpServices& services, const llb::Vertex& vertex, const solver::OpContext& context,
                            std::span<const cache::LayerId> below, oci::EntryStream& entries,
                            const cache::ContentOpener& open, const std::filesystem::path& written) {
  const bool packed = services.pack && services.packed_vertices.contains(vertex.digest());
  const bool mounted = services.mounted_vertices.contains(vertex.digest());
  const bool later = packed && mounted && services.packer != nullptr;
  cache::CommitOptions options;
  options.substitute = context.substitute;
  if (packed && !later) options.pack = services.pack;
  options.directory = !options.pack || mounted || !written.empty();
  options.take_directory = written;
  std::unique_ptr<cache::BlobMirror> mirror;
  const bool followed = services.follower != nullptr && services.followed_vertices.contains(vertex.digest());
  if (options.pack && followed) mirror = services.follower->follow(below, context.stop);
  options.mirror = mirror.get();
  const cache::LayerId id = services.layers.commit(entries, open, options, context.stop);
  if (later) services.packer->add(id);
  return id;
}

cache::LayerId commit_tree(const OpServices& services, const cache::Tree& tree, const std::string& path,
                           std::stop_token stop) {
  const cache::Match match = match_path(tree, path);
  const std::string name = match.entry.is_directory() ? "" : cache::base_name(match.resolved);
  std::vector<oci::LayerEntry> entries;
  cache::walk(tree, match, util::PatternMatcher(), [&](const std::string& relative, const oci::LayerEntry& entry) {
    if (entries.size() % 1024 == 0 && stop.stop_requested()) throw util::Cancelled();
    const std::string place = cache::join_path(name, relative);
    if (place.empty()) return;
    entries.push_back(entry);
    entries.back().path = place;
    // The other name need not be within the selection.
    entries.back().hard_link.clear();
  });
  const std::string prefix = name.empty() ? match.resolved : cache::parent_path(match.resolved);
  const auto open = [&](const oci::LayerEntry& entry) { return tree.open(cache::join_path(prefix, entry.path)); };
  return services.layers.commit(std::move(entries), open, cache::CommitOptions{}, stop);
}

std::vector<std::pair<std::string, std::string>> describe_selection(const cache::Tree& tree,
                                                                    const cache::PathSelection& selection,
                                                                    std::stop_token stop) {
  struct TooMany {};
  std::vector<std::pair<std::string, std::string>> parts;
  const util::PatternMatcher exclude(selection.exclude);
  try {
    for (const cache::Match& match : cache::match_selection(tree, selection)) {
      cache::walk(tree, match, exclude, [&](const std::string&, const oci::LayerEntry& entry) {
        if (stop.stop_requested()) throw util::Cancelled();
        if (entry.is_directory()) return;
        if (parts.size() == kMostDescribed) throw TooMany();
        const std::string value = entry.is_file()
                                      ? (entry.content ? entry.content : tree.content_digest(entry.path, stop)).to_string()
                                      : "-> " + *entry.link_target;
        parts.emplace_back("file " + entry.path, value + (entry.mode & 0111 ? " x" : ""));
      });
    }
  } catch (const TooMany&) {
    parts.clear();
  }
  return parts;
}

solver::CacheDep whole_dep(const OpServices& services, const llb::VertexRef& input) {
  // What these yield is a tree without layers.
  const bool has_tree = input != nullptr && (std::holds_alternative<llb::LocalSource>(input->op()) ||
                                             std::holds_alternative<llb::HttpSource>(input->op()) ||
                                             std::holds_alternative<llb::GitSource>(input->op()));
  if (!has_tree) return {};
  return selected_dep(services, {cache::PathSelection()});
}

solver::CacheDep selected_dep(const OpServices& services, std::vector<cache::PathSelection> selections) {
  solver::CacheDep dep;
  for (const cache::PathSelection& selection : selections) dep.selector += selection.path + '\n';
  dep.content_digest = [&services, selections](const cache::Result& input, std::stop_token stop) {
    return selections_digest(*tree_of(services, input, stop), selections, stop);
  };
  // Only for what is read in place: the layers of a stage are explained by the steps that made them.
  dep.describe = [&services, selections](const cache::Result& input, std::stop_token stop) {
    std::vector<std::pair<std::string, std::string>> parts;
    if (input.tree == nullptr) return parts;
    for (const cache::PathSelection& selection : selections) {
      for (auto& part : describe_selection(*input.tree, selection, stop)) parts.push_back(std::move(part));
    }
    return parts;
  };
  return dep;
}

}  // namespace ops
