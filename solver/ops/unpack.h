#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "cache/tree.h"
#include "solver/ops/layer_plan.h"
#include "solver/ops/owner.h"
#include "solver/ops/spool.h"

namespace ops {

/// If the regular file `path` of `tree` decompresses (by its magic, not its name) to a tar archive, plans what is in it
/// below `destination` (a path of the plan, links are followed) and returns true. Existing directories are merged with
/// those of the archive, everything else is replaced. Of the extended attributes file capabilities are kept. `owner`
/// overrides the owners in the archive. Throws util::Error for an archive that is damaged behind its first header, or
/// has names that leave the destination.
bool unpack_archive(LayerPlan& plan, const cache::Tree& tree, const std::string& path, const std::string& destination,
                    const std::optional<UserIds>& owner, Spool& spool, std::stop_token stop);

}  // namespace ops
