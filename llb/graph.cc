#include "llb/graph.h"

#include <unordered_set>

#include "llb/codec.h"

namespace llb {
namespace {

util::Digest vertex_digest(const Op& op, const std::vector<VertexRef>& inputs) {
  util::Hasher hasher("vertex/1");
  hasher.field("op", op_digest(op));
  hasher.number("inputs", static_cast<std::int64_t>(inputs.size()));
  for (const VertexRef& input : inputs) {
    if (input) {
      hasher.field("input", input->digest());
    } else {
      hasher.field("input", "scratch");
    }
  }
  return hasher.finish();
}

}  // namespace

Vertex::Vertex(Op op, std::vector<VertexRef> inputs, VertexMeta meta)
    : op_(std::move(op)), inputs_(std::move(inputs)), meta_(std::move(meta)), digest_(vertex_digest(op_, inputs_)) {}

Vertex::~Vertex() {
  // A Dockerfile of many thousand steps is a chain of that length; the default destructor would recurse down it.
  std::vector<VertexRef> pending = std::move(inputs_);
  while (!pending.empty()) {
    const VertexRef vertex = std::move(pending.back());
    pending.pop_back();
    if (vertex == nullptr || vertex.use_count() != 1) continue;
    // The last owner is this function, so nobody sees the vertex lose its inputs.
    auto& inputs = const_cast<Vertex&>(*vertex).inputs_;
    for (VertexRef& input : inputs) pending.push_back(std::move(input));
    inputs.clear();
  }
}

VertexRef make_vertex(Op op, std::vector<VertexRef> inputs, VertexMeta meta) {
  return std::make_shared<const Vertex>(std::move(op), std::move(inputs), std::move(meta));
}

std::vector<VertexRef> topological_order(std::span<const VertexRef> roots) {
  struct Visit {
    VertexRef vertex;
    std::size_t next_input = 0;
  };
  std::vector<VertexRef> order;
  std::unordered_set<util::Digest> seen;
  std::vector<Visit> stack;
  for (const VertexRef& root : roots) {
    if (root == nullptr || !seen.insert(root->digest()).second) continue;
    stack.push_back({root});
    while (!stack.empty()) {
      Visit& top = stack.back();
      if (top.next_input == top.vertex->inputs().size()) {
        order.push_back(std::move(top.vertex));
        stack.pop_back();
        continue;
      }
      const VertexRef& input = top.vertex->inputs()[top.next_input++];
      if (input != nullptr && seen.insert(input->digest()).second) stack.push_back({input});
    }
  }
  return order;
}

}  // namespace llb
