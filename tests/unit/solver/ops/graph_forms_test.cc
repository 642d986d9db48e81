#include <doctest/doctest.h>

#include "solver/ops/op_factory.h"

using Roots = std::vector<llb::VertexRef>;

namespace {

llb::VertexRef image(const std::string& name) {
  llb::ImageSource source;
  source.manifest = util::sha256_of(name);
  return llb::make_vertex(source, {}, {});
}
llb::VertexRef run(const std::string& command, std::vector<llb::VertexRef> inputs) {
  llb::ExecOp op;
  op.args = {command};
  return llb::make_vertex(op, std::move(inputs), {});
}
llb::VertexRef copy(const std::string& path, std::vector<llb::VertexRef> inputs) {
  llb::CopyAction action;
  action.source = action.destination = path;
  return llb::make_vertex(llb::FileOp{{action}}, std::move(inputs), {});
}

}  // namespace

TEST_CASE("in the result are the vertices whose layers end up in it") {
  const auto base = image("base"), builder = image("builder");
  const auto built = run("make", {builder});
  const auto copied = copy("/bin", {base, built});
  const auto linked = copy("/etc", {nullptr, built});
  const auto merged = llb::make_vertex(llb::MergeOp{}, {copied, linked}, {});
  CHECK(ops::vertices_in_result(Roots{merged}) ==
        std::set{merged->digest(), copied->digest(), linked->digest(), base->digest()});
}

TEST_CASE("in line are the vertices that stand on one another, down to what is no plain step") {
  const auto base = image("base");
  const auto first = copy("/a", {base, image("other")});
  const auto second = run("make", {first});
  CHECK(ops::vertices_in_line(second) == std::set{second->digest(), first->digest()});
  const auto scratch = copy("/b", {nullptr, base});
  CHECK(ops::vertices_in_line(scratch) == std::set{scratch->digest()});
  const auto merged = llb::make_vertex(llb::MergeOp{}, {first, scratch}, {});
  CHECK(ops::vertices_in_line(copy("/c", {merged})).size() == 1);
  CHECK(ops::vertices_in_line(merged).empty());
  CHECK(ops::vertices_in_line(nullptr).empty());
}

TEST_CASE("directories are needed by what a RUN runs on or mounts, and by what is copied from") {
  const auto base = image("base"), builder = image("builder"), tools = image("tools");
  const auto prepared = copy("/src", {builder, tools});
  const auto built = run("make", {prepared});
  const auto final_copy = copy("/bin", {base, built});
  CHECK(ops::vertices_needing_directories(Roots{final_copy}) ==
        std::set{builder->digest(), prepared->digest(), tools->digest(), built->digest()});
  CHECK(ops::vertices_needing_directories(Roots{nullptr}).empty());
}

TEST_CASE("deep graphs are walked without recursion") {
  llb::VertexRef top;
  for (int i = 0; i < 20000; ++i) top = run(std::to_string(i), {top});
  CHECK(ops::vertices_in_result(Roots{top}).size() == 20000);
  CHECK(ops::vertices_needing_directories(Roots{top}).size() == 19999);
}
