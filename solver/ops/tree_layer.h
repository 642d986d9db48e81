#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "cache/content_hash.h"
#include "cache/layer_store.h"
#include "cache/result.h"
#include "cache/tree.h"
#include "solver/op.h"
#include "solver/ops/op_factory.h"

namespace ops {

/// Tree of a result: its own, or that of its chain.
std::shared_ptr<const cache::Tree> tree_of(const OpServices& services, const cache::Result& result,
                                           std::stop_token stop);

/// Stores the layer that a vertex made, in the forms that the rest of the build needs. One that a RUN is going to stand
/// on is packed in the background, so that the RUN need not wait. `below`: the chain on which it stands. `written`: the
/// ready directory of CommitOptions, or empty. Throws util::Error, util::Cancelled.
cache::LayerId commit_layer(const OpServices& services, const llb::Vertex& vertex, const solver::OpContext& context,
                            std::span<const cache::LayerId> below, oci::EntryStream& entries,
                            const cache::ContentOpener& open, const std::filesystem::path& written = {});

/// Stores what is at `path` of a tree that has no layers as a layer, so that it can be mounted: the content of a
/// directory, or a file by its name. Equal content is stored once. Throws util::Error when it is not there.
cache::LayerId commit_tree(const OpServices& services, const cache::Tree& tree, const std::string& path,
                           std::stop_token stop);

/// Files of a selection with their digests, for key summaries; nothing when they are very many.
std::vector<std::pair<std::string, std::string>> describe_selection(const cache::Tree& tree,
                                                                    const cache::PathSelection& selection,
                                                                    std::stop_token stop);

/// An input that an op sees as a whole: by its chain id, or by all its content for a source without layers.
solver::CacheDep whole_dep(const OpServices& services, const llb::VertexRef& input);
/// An input of which an op sees only parts.
solver::CacheDep selected_dep(const OpServices& services, std::vector<cache::PathSelection> selections);

}  // namespace ops
