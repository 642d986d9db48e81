#include <variant>
#include <vector>

#include "solver/ops/op_factory.h"

namespace ops {
namespace {

/// The inputs whose layers are in the result of a vertex.
std::vector<llb::VertexRef> chain_inputs(const llb::Vertex& vertex) {
  const std::vector<llb::VertexRef>& inputs = vertex.inputs();
  if (std::holds_alternative<llb::MergeOp>(vertex.op())) return inputs;
  if (std::holds_alternative<llb::DiffOp>(vertex.op())) return inputs.size() > 1 ? std::vector{inputs[1]} : inputs;
  return inputs.empty() ? inputs : std::vector{inputs[0]};
}

/// Adds everything whose layers are in the results of `pending`.
void add_chains(std::vector<llb::VertexRef> pending, std::set<util::Digest>& found) {
  while (!pending.empty()) {
    const llb::VertexRef vertex = pending.back();
    pending.pop_back();
    if (vertex == nullptr || !found.insert(vertex->digest()).second) continue;
    for (llb::VertexRef& input : chain_inputs(*vertex)) pending.push_back(std::move(input));
  }
}

}  // namespace

std::set<util::Digest> vertices_needing_directories(std::span<const llb::VertexRef> roots) {
  std::set<util::Digest> found;
  for (const llb::VertexRef& vertex : llb::topological_order(roots)) {
    const std::vector<llb::VertexRef>& inputs = vertex->inputs();
    if (std::holds_alternative<llb::ExecOp>(vertex->op())) {
      add_chains(inputs, found);
    } else if (std::holds_alternative<llb::FileOp>(vertex->op()) && inputs.size() > 1) {
      add_chains({inputs.begin() + 1, inputs.end()}, found);
    }
  }
  return found;
}

std::set<util::Digest> vertices_in_result(std::span<const llb::VertexRef> roots) {
  std::set<util::Digest> found;
  add_chains({roots.begin(), roots.end()}, found);
  return found;
}

std::set<util::Digest> vertices_in_line(const llb::VertexRef& root) {
  std::set<util::Digest> found;
  for (llb::VertexRef vertex = root; vertex != nullptr;) {
    const bool adds = std::holds_alternative<llb::FileOp>(vertex->op()) || std::holds_alternative<llb::ExecOp>(vertex->op());
    if (!adds) break;
    found.insert(vertex->digest());
    vertex = vertex->inputs().empty() ? nullptr : vertex->inputs()[0];
  }
  return found;
}

}  // namespace ops
