#pragma once

#include <memory>
#include <stop_token>

#include "cache/content_hash.h"
#include "cache/tree.h"
#include "llb/op.h"
#include "solver/ops/layer_plan.h"
#include "solver/ops/spool.h"

namespace ops {

/// What a copy sees of its source tree; the same selection makes its key.
cache::PathSelection selection_of(const llb::CopyAction& action);

/// Plans a copy from `source`. Throws util::Error (missing source, a directory and a file in each other's way, unknown
/// owner, invalid mode), Cancelled.
void plan_copy(LayerPlan& plan, const std::shared_ptr<const cache::Tree>& source, const llb::CopyAction& action,
               Spool& spool, std::stop_token stop);

}  // namespace ops
