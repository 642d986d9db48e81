#include "llb/graph.h"

#include <doctest/doctest.h>

#include <set>

namespace {

llb::VertexRef run(const std::string& command, llb::VertexRef input, llb::VertexMeta meta = {}) {
  llb::ExecOp op;
  op.args = {command};
  return llb::make_vertex(std::move(op), {std::move(input)}, std::move(meta));
}

}  // namespace

TEST_CASE("a vertex digest covers op and inputs, not what people see of it") {
  const auto base = run("base", nullptr);
  const auto plain = run("x", base);
  llb::VertexMeta meta;
  meta.name = "[2/2] RUN x";
  meta.ignore_cache = true;
  CHECK(plain->digest() == run("x", base, meta)->digest());
  CHECK(plain->digest() != run("y", base)->digest());
  CHECK(plain->digest() != run("x", nullptr)->digest());
  CHECK(plain->digest() != run("x", run("other", nullptr))->digest());
}

TEST_CASE("inputs come before their users and equal vertices once") {
  const auto base = run("base", nullptr);
  const auto left = run("left", base);
  const auto right = run("right", run("base", nullptr));
  const auto top = llb::make_vertex(llb::MergeOp{}, {left, right, nullptr}, {});
  const std::vector<llb::VertexRef> roots{top, left, nullptr};
  const auto order = llb::topological_order(roots);
  CHECK(order.size() == 4);
  std::set<util::Digest> seen;
  for (const auto& vertex : order) {
    for (const auto& input : vertex->inputs()) CHECK((input == nullptr || seen.contains(input->digest())));
    seen.insert(vertex->digest());
  }
  CHECK(order.back() == top);
}

TEST_CASE("a chain of many thousand vertices is walked and released") {
  llb::VertexRef chain;
  for (int i = 0; i < 200000; ++i) chain = llb::make_vertex(llb::MergeOp{}, {chain}, {});
  const std::vector<llb::VertexRef> roots{chain};
  CHECK(llb::topological_order(roots).size() == 200000);
}

TEST_CASE("releasing a vertex leaves shared inputs alone") {
  auto base = run("base", nullptr);
  auto middle = run("middle", base);
  { const auto top = run("top", middle); }
  CHECK(middle->inputs().size() == 1);
  CHECK(middle->inputs()[0] == base);
}
