#include "solver/ops/file_op.h"

#include <map>

#include "llb/codec.h"
#include "solver/ops/copy_action.h"
#include "solver/ops/file_actions.h"
#include "solver/ops/tree_layer.h"
#include "util/check.h"
#include "util/error.h"

namespace ops {

solver::CacheMap FileOp::cache_map(solver::OpContext&) {
  solver::CacheMap map;
  map.op_digest = llb::op_digest(vertex_->op());
  map.reads_once = true;
  map.summary.parts.emplace_back("instruction", vertex_->meta().instruction);
  std::map<std::size_t, std::vector<cache::PathSelection>> selections;
  for (const llb::FileAction& action : op_.actions) {
    const auto* copy = std::get_if<llb::CopyAction>(&action);
    if (copy == nullptr) continue;
    // Who unpacks an archive does not take its digest.
    if (copy->unpack) map.reads_once = false;
    CHECK(copy->input >= 0 && static_cast<std::size_t>(copy->input) < vertex_->inputs().size());
    selections[static_cast<std::size_t>(copy->input)].push_back(selection_of(*copy));
  }
  for (std::size_t i = 0; i < vertex_->inputs().size(); ++i) {
    const auto selected = selections.find(i);
    // Input 0 counts as a whole, even when something is also copied from it.
    const bool in_part = i > 0 && selected != selections.end();
    map.deps.push_back(in_part ? selected_dep(services_, selected->second)
                               : whole_dep(services_, vertex_->inputs()[i]));
  }
  return map;
}

solver::Result FileOp::exec(std::span<const solver::Result> inputs, solver::OpContext& context) {
  if (!inputs.empty() && inputs[0].tree != nullptr) throw util::Error("a local directory cannot be changed by a step");
  const solver::Result below = inputs.empty() ? solver::Result{} : inputs[0];
  std::map<int, std::shared_ptr<const cache::Tree>> trees;
  const SourceTrees sources = [&](int input) {
    std::shared_ptr<const cache::Tree>& tree = trees[input];
    if (tree == nullptr) tree = tree_of(services_, inputs[static_cast<std::size_t>(input)], context.stop);
    return tree;
  };

  LayerPlan plan(tree_of(services_, below, context.stop), services_.temporary);
  Spool spool(services_.temporary);
  for (const llb::FileAction& action : op_.actions) plan_action(plan, action, sources, spool, context.stop);

  const auto open = [&](const oci::LayerEntry& entry) { return plan.open(entry.path); };
  solver::Result result = below;
  result.layers.push_back(commit_layer(services_, *vertex_, context, below.layers, *plan.changes(), open));
  return result;
}

}  // namespace ops
