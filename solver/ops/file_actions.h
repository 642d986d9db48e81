#pragma once

#include <functional>
#include <memory>
#include <stop_token>

#include "cache/tree.h"
#include "llb/op.h"
#include "solver/ops/layer_plan.h"
#include "solver/ops/spool.h"

namespace ops {

/// Gives the tree of a vertex input.
using SourceTrees = std::function<std::shared_ptr<const cache::Tree>(int input)>;

/// Plans one file action. Throws util::Error, Cancelled.
void plan_action(LayerPlan& plan, const llb::FileAction& action, const SourceTrees& sources, Spool& spool,
                 std::stop_token stop);

}  // namespace ops
