#pragma once

#include <span>
#include <string>

#include "llb/graph.h"
#include "llb/op.h"
#include "util/digest.h"

namespace llb {

/// Canonical JSON of an op: sorted keys, defaults left out, members marked "not in the key" left out.
std::string canonical_json(const Op& op);
/// Digest of the canonical form, recipe "op/1". This is the op's part of every cache key.
util::Digest op_digest(const Op& op);
/// For `builder debug dump-llb`: a JSON array of {digest, op, inputs, name} in topological order.
std::string dump_json(std::span<const VertexRef> roots);
/// The graph in Graphviz's dot language.
std::string dump_dot(std::span<const VertexRef> roots);

}  // namespace llb
