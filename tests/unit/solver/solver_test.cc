#include "solver/solver.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "cache/tree.h"
#include "tests/unit/solver/build.h"

using solver::Result;
using solver::SolveError;
using solver::Solver;
using test::Build;

TEST_CASE("inputs are solved before their user, and the result is the user's") {
  cache::MemoryResultIndex index;
  Build build(index);
  const Result result = build.run(build.ops.vertex("top", {build.ops.vertex("a"), build.ops.vertex("b")}));
  CHECK(build.ops.order().back() == "top");
  CHECK(result.layers == std::vector{util::sha256_of("a"), util::sha256_of("b"), util::sha256_of("top")});
}

TEST_CASE("a null root and a null input are the empty chain") {
  cache::MemoryResultIndex index;
  Build build(index);
  CHECK(build.run(nullptr).layers.empty());
  CHECK(build.run(build.ops.vertex("a", {nullptr})).layers == std::vector{util::sha256_of("a")});
}

TEST_CASE("a second build runs nothing and reports every vertex as cached") {
  cache::MemoryResultIndex index;
  for (const bool cached : {false, true}) {
    Build build(index);
    const auto bottom = build.ops.vertex("bottom");
    const auto top = build.ops.vertex("top", {bottom});
    build.run(top);
    CHECK(build.ops.all_execs() == (cached ? 0 : 2));
    const auto done = build.progress.all<util::TaskDone>(top->digest());
    REQUIRE(done.size() == 1);
    CHECK(done[0].cached == cached);
    CHECK_FALSE(done[0].error);
    CHECK(build.progress.all<util::TaskStarted>(top->digest()).at(0).inputs == std::vector{bottom->digest()});
  }
}

TEST_CASE("equal vertices are solved once") {
  cache::MemoryResultIndex index;
  Build build(index);
  const auto left = build.ops.vertex("left", {build.ops.vertex("shared")});
  const auto right = build.ops.vertex("right", {build.ops.vertex("shared")});
  build.run(build.ops.vertex("top", {left, right}));
  CHECK(build.ops.execs("shared") == 1);
  CHECK(build.ops.maps("shared") == 1);
}

TEST_CASE("different vertices with the same key run once") {
  cache::MemoryResultIndex index;
  Build build(index);
  for (const char* name : {"one", "two"}) {
    build.ops[name].key = "same";
    build.ops[name].run = [](std::span<const Result>, solver::OpContext&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      return test::FakeOps::layer("made");
    };
  }
  build.run(build.ops.vertex("top", {build.ops.vertex("one"), build.ops.vertex("two")}));
  CHECK(build.ops.execs("one") + build.ops.execs("two") == 1);
}

TEST_CASE("when an input was built anew with the same result, its users are hits") {
  cache::MemoryResultIndex index;
  const auto same = [](std::span<const Result>, solver::OpContext&) { return test::FakeOps::layer("same"); };
  Build first(index), second(index);
  first.ops["source-1"].run = same;
  second.ops["source-2"].run = same;
  first.run(first.ops.vertex("user", {first.ops.vertex("source-1")}));
  second.run(second.ops.vertex("user", {second.ops.vertex("source-2")}));
  CHECK(second.ops.execs("source-2") == 1);
  CHECK(second.ops.execs("user") == 0);
}

TEST_CASE("the content key hits when the input changed where the op does not look, and is saved under the chain key") {
  cache::MemoryResultIndex index;
  int digests = 0;
  const auto content = [&](const Result&) {
    ++digests;
    return util::sha256_of("what is seen");
  };
  for (const char* source : {"source-1", "source-2", "source-2"}) {
    Build build(index);
    build.ops["copy"].contents[0] = content;
    build.run(build.ops.vertex("copy", {build.ops.vertex(source)}));
    CHECK(build.ops.execs("copy") == (std::string(source) == "source-1" ? 1 : 0));
  }
  // First build: miss. Second: hit by content. Third: hit by chain, content not asked for.
  CHECK(digests == 2);
}

TEST_CASE("an input without chain id counts by content in the chain key") {
  cache::MemoryResultIndex index;
  const auto execs_with = [&](const std::string& content) {
    Build build(index);
    build.ops["context"].cacheable = false;
    build.ops["context"].run = [](std::span<const Result>, solver::OpContext&) {
      return Result{{}, std::make_shared<cache::MemoryTree>()};
    };
    build.ops["copy"].contents[0] = [&](const Result&) { return util::sha256_of(content); };
    build.ops["copy"].run = [](std::span<const Result>, solver::OpContext&) { return test::FakeOps::layer("x"); };
    build.run(build.ops.vertex("copy", {build.ops.vertex("context")}));
    CHECK(build.ops.execs("context") == 1);
    return build.ops.execs("copy");
  };
  CHECK(execs_with("1") == 1);
  CHECK(execs_with("1") == 0);
  CHECK(execs_with("2") == 1);
}

TEST_CASE("what is not cacheable runs every time") {
  cache::MemoryResultIndex index;
  for (int i = 0; i < 2; ++i) {
    Build build(index);
    build.ops["source"].cacheable = false;
    build.run(build.ops.vertex("source"));
    CHECK(build.ops.execs("source") == 1);
  }
}

TEST_CASE("without the cache a vertex runs, may not be substituted, and is saved") {
  cache::MemoryResultIndex index;
  for (const bool ignore : {false, true, false}) {
    Build build(index);
    bool substitute = false;
    build.ops["a"].run = [&](std::span<const Result>, solver::OpContext& context) {
      substitute = context.substitute;
      return test::FakeOps::layer(ignore ? "new" : "old");
    };
    const Result result = build.run(build.ops.vertex("a", {}, ignore));
    if (ignore) {
      CHECK(build.ops.execs("a") == 1);
      CHECK_FALSE(substitute);
    }
    CHECK(result.layers == test::FakeOps::layer(ignore || build.ops.execs("a") == 0 ? "new" : "old").layers);
  }
}

TEST_CASE("the first error cancels the rest and names its vertex and cause") {
  cache::MemoryResultIndex index;
  Build build(index);
  test::Gate never;
  build.ops["slow"].run = [&](std::span<const Result>, solver::OpContext& context) -> Result {
    never.pass(context.stop);
    return {};
  };
  build.ops["bad"].run = [&](std::span<const Result>, solver::OpContext&) -> Result {
    never.wait_for_arrivals(1);
    throw util::Error("broken", "mend it");
  };
  const auto slow = build.ops.vertex("slow");
  const auto bad = build.ops.vertex("bad");
  try {
    build.run(build.ops.vertex("top", {slow, bad}));
    FAIL("no error");
  } catch (const SolveError& error) {
    CHECK(error.vertex()->meta().name == "bad");
    CHECK(error.message() == "broken");
    CHECK(error.hint() == "mend it");
    CHECK_THROWS_AS(std::rethrow_exception(error.cause()), util::Error);
  }
  CHECK(build.progress.all<util::TaskDone>(bad->digest()).at(0).error == "broken");
  CHECK(build.progress.all<util::TaskDone>(slow->digest()).at(0).canceled);
  CHECK(build.ops.execs("top") == 0);
  CHECK(build.progress.count<util::TaskStarted>() == build.progress.count<util::TaskDone>());
}

TEST_CASE("errors that are not ours, and those of the key and of the factory, are reported alike") {
  cache::MemoryResultIndex index;
  Build build(index);
  build.ops["foreign"].run = [](std::span<const Result>, solver::OpContext&) -> Result {
    throw std::runtime_error("foreign");
  };
  CHECK_THROWS_WITH_AS(build.run(build.ops.vertex("foreign")), "foreign", SolveError);
  build.ops["digest"].contents[0] = [](const Result&) -> util::Digest { throw util::Error("no such file"); };
  CHECK_THROWS_WITH_AS(build.run(build.ops.vertex("digest", {build.ops.vertex("below")})), "no such file", SolveError);
  Solver solver([](const llb::VertexRef&) -> std::unique_ptr<solver::Op> { throw util::Error("no op"); }, index,
                build.progress);
  CHECK_THROWS_WITH_AS(solver.solve(std::vector<llb::VertexRef>{build.ops.vertex("x")}), "no op", SolveError);
}

TEST_CASE("a stop from outside ends what runs and throws Cancelled") {
  cache::MemoryResultIndex index;
  Build build(index);
  test::Gate gate;
  build.ops["slow"].run = [&](std::span<const Result>, solver::OpContext& context) -> Result {
    gate.pass(context.stop);
    return {};
  };
  std::stop_source stop;
  std::jthread stopper([&] {
    gate.wait_for_arrivals(1);
    stop.request_stop();
  });
  const auto slow = build.ops.vertex("slow");
  CHECK_THROWS_AS(build.run(build.ops.vertex("top", {slow}), stop.get_token()), util::Cancelled);
  CHECK(build.progress.all<util::TaskDone>(slow->digest()).at(0).canceled);
}

TEST_CASE("nothing starts when the stop came first") {
  cache::MemoryResultIndex index;
  Build build(index);
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(build.run(build.ops.vertex("a"), stop.get_token()), util::Cancelled);
  CHECK(build.progress.count<util::TaskStarted>() == 0);
}

TEST_CASE("no more vertices run at once than jobs allow") {
  cache::MemoryResultIndex index;
  Build build(index, {.jobs = 2});
  std::vector<llb::VertexRef> inputs;
  for (int i = 0; i < 12; ++i) inputs.push_back(build.ops.vertex("v" + std::to_string(i)));
  build.run(build.ops.vertex("top", inputs));
  CHECK(build.ops.all_execs() == 13);
  CHECK(build.ops.most_at_once() <= 2);
}

TEST_CASE("a cached vertex does not wait for those that run long") {
  cache::MemoryResultIndex index;
  {
    Build before(index);
    before.run(before.ops.vertex("quick"));
  }
  Build build(index, {.jobs = 1});
  test::Gate gate;
  build.ops["long"].run = [&](std::span<const Result>, solver::OpContext& context) -> Result {
    gate.pass(context.stop);
    return test::FakeOps::layer("long");
  };
  const auto quick = build.ops.vertex("quick");
  std::jthread opener([&] {
    gate.wait_for_arrivals(1);
    while (build.progress.all<util::TaskDone>(quick->digest()).empty()) std::this_thread::yield();
    gate.open();
  });
  build.run(build.ops.vertex("top", {build.ops.vertex("long"), quick}));
  CHECK(build.ops.execs("quick") == 0);
}

TEST_CASE("the vertex with the longest way to the root runs first") {
  cache::MemoryResultIndex index;
  Build build(index, {.jobs = 1});
  test::Gate gate;
  // While "first" runs, all the others arrive in the queue.
  std::vector<llb::VertexRef> inputs;
  const auto first = build.ops.vertex("first");
  build.ops["first"].run = [&](std::span<const Result>, solver::OpContext& context) -> Result {
    gate.pass(context.stop);
    return {};
  };
  auto deep = build.ops.vertex("deep");
  for (int i = 0; i < 3; ++i) deep = build.ops.vertex("above" + std::to_string(i), {deep});
  for (int i = 0; i < 5; ++i) inputs.push_back(build.ops.vertex("flat" + std::to_string(i)));
  inputs.push_back(deep);
  auto longest = first;
  for (int i = 0; i < 9; ++i) longest = build.ops.vertex("long" + std::to_string(i), {longest});
  inputs.push_back(longest);
  std::jthread opener([&] {
    gate.wait_for_arrivals(1);
    while (build.progress.count<util::TaskStarted>() < 7) std::this_thread::yield();
    gate.open();
  });
  build.run(build.ops.vertex("top", inputs));
  const std::vector<std::string> order = build.ops.order();
  const auto place = [&](const std::string& name) {
    return std::find(order.begin(), order.end(), name) - order.begin();
  };
  CHECK(place("deep") < place("flat1"));
}

TEST_CASE("what is asked for twice of one solver is solved once") {
  cache::MemoryResultIndex index;
  Build build(index);
  const auto root = build.ops.vertex("a");
  Solver solver(build.ops.factory(), index, build.progress);
  const auto both = solver.solve(std::vector<llb::VertexRef>{root, nullptr, root});
  CHECK(both.roots.size() == 3);
  CHECK(both.roots[0].layers == both.roots[2].layers);
  CHECK(solver.solve(std::vector<llb::VertexRef>{root}).roots[0].layers == both.roots[0].layers);
  CHECK(build.ops.maps("a") == 1);
}

TEST_CASE("a miss is explained on demand by what changed since the last time") {
  cache::MemoryResultIndex index;
  std::vector<std::string> texts;
  for (const char* version : {"1", "2"}) {
    Build build(index, {.explain = true});
    build.ops["a"].key = version;
    build.ops["a"].summary.parts = {{"arg VERSION", version}};
    const auto root = build.ops.vertex("a");
    build.run(root);
    for (const auto& log : build.progress.all<util::TaskLog>(root->digest())) texts.push_back(log.data);
  }
  CHECK(texts ==
        std::vector<std::string>{"cache miss: never built before\n", "cache miss: argument VERSION changed: 1 -> 2\n"});
}

TEST_CASE("a chain of ten thousand vertices is solved, and from the cache within a second") {
  cache::MemoryResultIndex index;
  for (const bool cached : {false, true}) {
    Build build(index);
    llb::VertexRef top;
    for (int i = 0; i < 10000; ++i) {
      const std::string name = "v" + std::to_string(i);
      build.ops[name].run = [name](std::span<const Result>, solver::OpContext&) { return test::FakeOps::layer(name); };
      top = build.ops.vertex(name, {top});
    }
    const auto start = std::chrono::steady_clock::now();
    CHECK(build.run(top).layers == test::FakeOps::layer("v9999").layers);
    const auto took = std::chrono::steady_clock::now() - start;
    CHECK(build.ops.all_execs() == (cached ? 0 : 10000));
    const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    MESSAGE("cached: ", cached, ", ", milliseconds, " ms");
    if (cached) CHECK(took < std::chrono::seconds(5));  // generous: the machine may be busy
  }
}

TEST_CASE("a wide graph gives the same result whatever the number of jobs") {
  std::vector<util::Digest> layers;
  for (const unsigned jobs : {1u, 16u}) {
    cache::MemoryResultIndex index;
    Build build(index, {.jobs = jobs});
    std::vector<llb::VertexRef> wide;
    for (int i = 0; i < 200; ++i) wide.push_back(build.ops.vertex("w" + std::to_string(i)));
    const Result result = build.run(build.ops.vertex("top", wide));
    if (layers.empty()) layers = result.layers;
    CHECK(result.layers == layers);
  }
}
