#include "solver/ops/file_op.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include "solver/ops/background_packer.h"
#include "tests/support/memory_files.h"
#include "tests/support/op_stores.h"
#include "util/error.h"

using solver::Result;
using Lines = std::vector<std::string>;

namespace {

llb::CopyAction copy(const std::string& source, const std::string& destination, int input = 1) {
  llb::CopyAction action;
  action.input = input;
  action.source = source;
  action.destination = destination;
  return action;
}
llb::VertexRef context_vertex() {
  return llb::make_vertex(llb::LocalSource{"context", "/context", {}}, {}, {});
}
llb::VertexRef file_vertex(std::vector<llb::FileAction> actions, std::vector<llb::VertexRef> inputs) {
  llb::VertexMeta meta;
  meta.instruction = "COPY";
  return llb::make_vertex(llb::FileOp{std::move(actions)}, std::move(inputs), meta);
}

Result context_with(const std::vector<std::pair<std::string, std::string>>& files) {
  auto tree = std::make_shared<cache::MemoryTree>();
  for (const auto& [path, content] : files) tree->add(test::file(path), content);
  return {{}, tree};
}

}  // namespace

TEST_CASE("a copy adds one layer to the chain below it") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  const auto vertex = file_vertex({copy("a", "/x/"), copy("b", "/x/")}, {nullptr, context_vertex()});
  const Result context = context_with({{"a", "1"}, {"b", "2"}});
  const Result first = stores.run(vertex, {{}, context});
  REQUIRE(first.layers.size() == 1);
  CHECK(stores.read(first, "x/b") == "2");
  CHECK(test::show(*stores.layers.listing(first.layers[0])) == Lines{"d 755 0:0 x", "f 644 0:0 x/a", "f 644 0:0 x/b"});

  const auto above = file_vertex({copy("a", "/y")}, {vertex, context_vertex()});
  const Result second = stores.run(above, {first, context});
  CHECK(second.layers.size() == 2);
  CHECK(second.layers[0] == first.layers[0]);
  CHECK(stores.read(second, "x/a") == "1");
}

TEST_CASE("a copy from another stage reads its layers") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  const auto source = file_vertex({copy("a", "/deep/a")}, {nullptr, context_vertex()});
  const Result stage = stores.run(source, {{}, context_with({{"a", "text"}})});
  const Result result = stores.run(file_vertex({copy("/deep/a", "/b")}, {nullptr, source}), {{}, stage});
  CHECK(stores.read(result, "b") == "text");
}

TEST_CASE("nothing copied is still a layer, and equal layers have one id") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  const Result context = context_with({{"a", "1"}});
  const Result nothing = stores.run(file_vertex({copy("*.c", "/x/")}, {nullptr, context_vertex()}), {{}, context});
  CHECK(nothing.layers.size() == 1);
  const Result one = stores.run(file_vertex({copy("a", "/x")}, {nullptr, context_vertex()}), {{}, context});
  const Result same = stores.run(file_vertex({copy("./a", "/x")}, {nullptr, context_vertex()}), {{}, context});
  CHECK(one.layers == same.layers);
}

TEST_CASE("the key sees what is selected of a source, and all of what is copied onto") {
  test::OpStores stores;
  const auto vertex = file_vertex({copy("a", "/x")}, {nullptr, context_vertex()});
  const auto op = stores.factory(vertex);
  solver::OpContext context{stores.progress, vertex->digest(), {}, true};
  const solver::CacheMap map = op->cache_map(context);
  REQUIRE(map.deps.size() == 2);
  CHECK(map.cacheable);
  CHECK_FALSE(map.deps[0].content_digest);
  const auto digest = [&](const Result& input) { return map.deps[1].content_digest(input, {}); };
  CHECK(digest(context_with({{"a", "1"}})) == digest(context_with({{"a", "1"}, {"other", "2"}})));
  CHECK(digest(context_with({{"a", "1"}})) != digest(context_with({{"a", "2"}})));
  CHECK_THROWS_WITH_AS(digest(context_with({{"b", ""}})), "\"/a\": not found", util::Error);
  const auto parts = map.deps[1].describe(context_with({{"a", "1"}}), {});
  CHECK(parts == std::vector<std::pair<std::string, std::string>>{{"file a", util::sha256_of("1").to_string()}});
}

TEST_CASE("a vertex of an exported image is packed, one that is run on has a directory") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  stores.services.pack = cache::PackOptions();
  const auto vertex = file_vertex({copy("a", "/x")}, {nullptr, context_vertex()});
  stores.services.packed_vertices = {vertex->digest()};
  const Result result = stores.run(vertex, {{}, context_with({{"a", "1"}})});
  CHECK(stores.records.layer_blobs(result.layers[0]).size() == 1);
  CHECK(stores.records.find_layer(result.layers[0])->snapshot.empty());
}

TEST_CASE("what a RUN is going to stand on is packed in the background, to the same bytes") {
  if (!test::can_store_layers()) return;
  const auto vertex = file_vertex({copy("a", "/x")}, {nullptr, context_vertex()});
  util::Digest expected;
  {
    test::OpStores stores;
    stores.services.pack = cache::PackOptions();
    stores.services.packed_vertices = {vertex->digest()};
    const Result result = stores.run(vertex, {{}, context_with({{"a", "1"}})});
    expected = stores.records.layer_blobs(result.layers[0]).at(0).digest;
  }
  test::OpStores stores;
  stores.services.pack = cache::PackOptions();
  stores.services.packed_vertices = stores.services.mounted_vertices = {vertex->digest()};
  ops::BackgroundPacker packer(stores.layers, *stores.services.pack);
  stores.services.packer = &packer;
  const Result result = stores.run(vertex, {{}, context_with({{"a", "1"}})});
  CHECK_FALSE(stores.records.find_layer(result.layers[0])->snapshot.empty());
  for (int tries = 0; tries < 1000 && stores.records.layer_blobs(result.layers[0]).empty(); ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  REQUIRE(stores.records.layer_blobs(result.layers[0]).size() == 1);
  CHECK(stores.records.layer_blobs(result.layers[0])[0].digest == expected);
}

TEST_CASE("merge stacks layers, diff takes them apart again") {
  if (!test::can_store_layers()) return;
  test::OpStores stores;
  const Result context = context_with({{"a", "1"}, {"b", "2"}});
  const auto one = file_vertex({copy("a", "/a")}, {nullptr, context_vertex()});
  const auto two = file_vertex({copy("b", "/b")}, {nullptr, context_vertex()});
  const Result lower = stores.run(one, {{}, context}), upper = stores.run(two, {{}, context});
  const Result merged = stores.run(llb::make_vertex(llb::MergeOp{}, {one, two}, {}), {lower, upper});
  CHECK(merged.layers == std::vector{lower.layers[0], upper.layers[0]});
  CHECK(stores.map.deps.size() == 2);
  const auto diff = llb::make_vertex(llb::DiffOp{}, {one, two}, {});
  CHECK(stores.run(diff, {lower, merged}).layers == upper.layers);
  // Not built on each other: one layer with what is different.
  const Result across = stores.run(diff, {lower, upper});
  REQUIRE(across.layers.size() == 1);
  CHECK(test::show(*stores.layers.listing(across.layers[0])) == Lines{"w a", "f 644 0:0 b"});
}
