#include "solver/ops/merge_diff_op.h"

#include <algorithm>
#include <tuple>

#include "cache/selection.h"
#include "llb/codec.h"
#include "solver/ops/tree_layer.h"
#include "util/check.h"
#include "util/error.h"

namespace ops {
namespace {

solver::CacheMap whole_inputs(const llb::Vertex& vertex) {
  solver::CacheMap map;
  map.op_digest = llb::op_digest(vertex.op());
  map.deps.resize(vertex.inputs().size());
  map.summary.parts.emplace_back("instruction", vertex.meta().instruction);
  return map;
}

bool same_entry(const cache::Tree& a_tree, const oci::LayerEntry& a, const cache::Tree& b_tree,
                const oci::LayerEntry& b) {
  const auto traits = [](const oci::LayerEntry& entry) {
    return std::tie(entry.type, entry.mode, entry.uid, entry.gid, entry.link_target, entry.device_major,
                    entry.device_minor, entry.xattrs);
  };
  if (traits(a) != traits(b)) return false;
  if (!a.is_file()) return true;
  return a.size == b.size && a_tree.content_digest(a.path) == b_tree.content_digest(b.path);
}

/// Entries that lead from tree `a` to tree `b`.
class Differ {
 public:
  Differ(const cache::Tree& a, const cache::Tree& b, std::stop_token stop) : a_(a), b_(b), stop_(std::move(stop)) {}
  std::vector<oci::LayerEntry> run() {
    // A worklist: trees may be deep.
    pending_.push_back("");
    while (!pending_.empty()) {
      const std::string directory = std::move(pending_.back());
      pending_.pop_back();
      compare(directory);
    }
    return std::move(entries_);
  }

 private:
  static std::vector<std::string> list(const cache::Tree& tree, const std::string& directory) {
    const std::optional<oci::LayerEntry> entry = tree.find(directory);
    return entry && entry->is_directory() ? tree.list(directory) : std::vector<std::string>();
  }

  void compare(const std::string& directory) {
    if (stop_.stop_requested()) throw util::Cancelled();
    const std::vector<std::string> before = list(a_, directory), now = list(b_, directory);
    for (const std::string& name : before) {
      if (std::binary_search(now.begin(), now.end(), name)) continue;
      oci::LayerEntry whiteout;
      whiteout.kind = oci::LayerEntry::Kind::whiteout;
      whiteout.path = cache::join_path(directory, name);
      entries_.push_back(std::move(whiteout));
    }
    for (const std::string& name : now) {
      const std::string path = cache::join_path(directory, name);
      std::optional<oci::LayerEntry> entry = b_.find(path);
      if (!entry) continue;
      const std::optional<oci::LayerEntry> old = a_.find(path);
      if (entry->is_directory()) pending_.push_back(path);
      if (old && same_entry(a_, *old, b_, *entry)) continue;
      entry->path = path;
      entry->kind = oci::LayerEntry::Kind::node;
      entry->hard_link.clear();
      entries_.push_back(std::move(*entry));
    }
  }

  const cache::Tree& a_;
  const cache::Tree& b_;
  std::stop_token stop_;
  std::vector<std::string> pending_;
  std::vector<oci::LayerEntry> entries_;
};

}  // namespace

solver::CacheMap MergeOp::cache_map(solver::OpContext&) {
  return whole_inputs(*vertex_);
}

solver::Result MergeOp::exec(std::span<const solver::Result> inputs, solver::OpContext&) {
  solver::Result result;
  for (const solver::Result& input : inputs) {
    if (input.tree != nullptr) throw util::Error("a local directory has no layers to merge");
    result.layers.insert(result.layers.end(), input.layers.begin(), input.layers.end());
  }
  return result;
}

solver::CacheMap DiffOp::cache_map(solver::OpContext&) {
  CHECK(vertex_->inputs().size() == 2);
  return whole_inputs(*vertex_);
}

solver::Result DiffOp::exec(std::span<const solver::Result> inputs, solver::OpContext& context) {
  const std::vector<cache::LayerId>& lower = inputs[0].layers;
  const std::vector<cache::LayerId>& upper = inputs[1].layers;
  if (lower.size() <= upper.size() && std::equal(lower.begin(), lower.end(), upper.begin())) {
    return {{upper.begin() + static_cast<std::ptrdiff_t>(lower.size()), upper.end()}, nullptr};
  }
  const auto before = tree_of(services_, inputs[0], context.stop);
  const auto now = tree_of(services_, inputs[1], context.stop);
  const auto open = [&](const oci::LayerEntry& entry) { return now->open(entry.path); };
  oci::EntryVector entries(Differ(*before, *now, context.stop).run());
  return {{commit_layer(services_, *vertex_, context, {}, entries, open)}, nullptr};
}

}  // namespace ops
