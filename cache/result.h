#pragma once

#include <memory>
#include <string>
#include <vector>

#include "util/digest.h"

namespace cache {

class Tree;

/// Identity of a layer: content digest of a built layer's canonical listing, or diff id of a pulled one.
using LayerId = util::Digest;

/// What a vertex yields: an ordered chain of layers, the lowest first; or, for a local context, a tree that is
/// read in place and has no layers. A cheap value; tests can mint one without a disk.
struct Result {
  std::vector<LayerId> layers;
  std::shared_ptr<const Tree> tree;  ///< only for sources read in place; null otherwise
};

/// Digest over the layer ids from the bottom up, recipe "chain/1"; defined for the empty chain too. A result
/// with a tree has no chain id (CHECK).
util::Digest chain_id(const Result& result);

}  // namespace cache
