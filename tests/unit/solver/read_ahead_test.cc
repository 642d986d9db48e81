#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "cache/tree.h"
#include "tests/unit/solver/build.h"
#include "util/scope_exit.h"

using solver::Result;
using test::Build;

namespace {

/// As a local directory: what is read through `unseen` is remembered, but this one has not looked yet.
struct Context final : cache::Tree {
  std::optional<oci::LayerEntry> find(const std::string&) const override { return std::nullopt; }
  std::vector<std::string> list(const std::string&) const override { return {}; }
  std::unique_ptr<util::Reader> open(const std::string&) const override { return nullptr; }
  util::Digest content_digest(const std::string&, const std::stop_token& = {}) const override { return {}; }
  std::shared_ptr<const cache::Tree> unseen() const override { return std::make_shared<Context>(); }
};

}  // namespace

TEST_CASE("a step that was never built runs before its context is read for the key; later builds read first") {
  cache::MemoryResultIndex index;
  const auto build_with = [&](const std::string& content, bool ignore_cache = false) {
    Build build(index);
    std::string order;
    build.ops["context"].cacheable = false;
    build.ops["context"].run = [](std::span<const Result>, solver::OpContext&) {
      return Result{{}, std::make_shared<cache::MemoryTree>()};
    };
    build.ops["copy"].reads_once = true;
    build.ops["copy"].contents[0] = [&](const Result&) {
      order += "key ";
      return util::sha256_of(content);
    };
    build.ops["copy"].run = [&](std::span<const Result>, solver::OpContext&) {
      order += "run ";
      return test::FakeOps::layer(content);
    };
    build.run(build.ops.vertex("copy", {build.ops.vertex("context")}, ignore_cache));
    return order;
  };
  CHECK(build_with("1") == "run key ");
  CHECK(build_with("1") == "key ");
  CHECK(build_with("2") == "key run ");
  CHECK(build_with("2", true) == "run key ");
  CHECK(build_with("1") == "key ");
}

TEST_CASE("a context is not looked at before the turn of the step that uses it") {
  // What is saved while a long step runs below is built, and is no error.
  cache::MemoryResultIndex index;
  for (int build_number = 0; build_number < 2; ++build_number) {
    Build build(index);
    std::atomic<int> reads = 0;
    int reads_seen = -1;
    build.ops["context"].cacheable = false;
    build.ops["context"].run = [](std::span<const Result>, solver::OpContext&) {
      return Result{{}, std::make_shared<cache::MemoryTree>()};
    };
    build.ops["slow"].key = "slow" + std::to_string(build_number);
    build.ops["slow"].run = [&](std::span<const Result>, solver::OpContext&) {
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
      reads_seen = reads;
      return test::FakeOps::layer("slow");
    };
    build.ops["copy"].contents[1] = [&](const Result&) {
      ++reads;
      return util::sha256_of(std::to_string(build_number));
    };
    build.ops["copy"].run = [](std::span<const Result>, solver::OpContext&) { return test::FakeOps::layer("x"); };
    build.run(build.ops.vertex("copy", {build.ops.vertex("slow"), build.ops.vertex("context")}));
    CHECK(reads_seen == 0);
    CHECK(reads == 1);
  }
}

TEST_CASE("while a step runs, what the next one is keyed by is read, through a tree of its own") {
  cache::MemoryResultIndex index;
  const auto context = std::make_shared<const Context>();
  for (const bool fails : {false, true}) {
    CAPTURE(fails);
    Build build(index);
    test::Gate read_ahead;
    std::atomic<int> ahead = 0, reads = 0;
    build.ops["context"].cacheable = false;
    build.ops["context"].run = [&](std::span<const Result>, solver::OpContext&) { return Result{{}, context}; };
    build.ops["slow"].key = fails ? "other" : "slow";
    build.ops["slow"].contents[0] = [](const Result&) { return util::sha256_of("all of it"); };
    build.ops["slow"].run = [&](std::span<const Result>, solver::OpContext& run) {
      read_ahead.pass(run.stop);
      CHECK(reads == 0);
      return test::FakeOps::layer(fails ? "other" : "slow");
    };
    build.ops["copy"].contents[1] = [&](const Result& input) {
      if (input.tree == context) {
        ++reads;
        return util::sha256_of("content");
      }
      ++ahead;
      read_ahead.open();
      if (fails) throw util::Error("gone in a moment");
      return util::sha256_of("something else");
    };
    build.ops["copy"].run = [](std::span<const Result>, solver::OpContext&) { return test::FakeOps::layer("x"); };
    // The context is solved first: nobody could read ahead otherwise.
    const auto source = build.ops.vertex("context");
    build.run(build.ops.vertex("copy", {build.ops.vertex("slow", {source}), source}));
    CHECK(ahead == 1);
    CHECK(reads == 1);
    CHECK(build.ops.execs("copy") == 1);
  }
}

TEST_CASE("reading ahead ends when the turn of the step has come") {
  cache::MemoryResultIndex index;
  const auto context = std::make_shared<const Context>();
  Build build(index);
  test::Gate reading;
  std::atomic<bool> ended = false;
  build.ops["context"].cacheable = false;
  build.ops["context"].run = [&](std::span<const Result>, solver::OpContext&) { return Result{{}, context}; };
  build.ops["short"].contents[0] = [](const Result&) { return util::sha256_of("all of it"); };
  build.ops["short"].run = [&](std::span<const Result>, solver::OpContext&) {
    reading.wait_for_arrivals(1);
    return test::FakeOps::layer("short");
  };
  build.ops["copy"].stoppable_contents[1] = [&](const Result& input, std::stop_token stop) {
    if (input.tree == context) {
      CHECK(ended);
      return util::sha256_of("content");
    }
    const util::ScopeExit leave([&] { ended = true; });
    reading.pass(stop);  // which nobody opens
    return util::Digest();
  };
  const auto source = build.ops.vertex("context");
  build.run(build.ops.vertex("copy", {build.ops.vertex("short", {source}), source}));
  CHECK(build.ops.execs("copy") == 1);
}

TEST_CASE("nothing is read ahead for a step that was never built, or that waits for a cached one") {
  cache::MemoryResultIndex index;
  const auto context = std::make_shared<const Context>();
  for (int build_number = 0; build_number < 2; ++build_number) {
    Build build(index);
    std::atomic<int> ahead = 0;
    build.ops["context"].cacheable = false;
    build.ops["context"].run = [&](std::span<const Result>, solver::OpContext&) { return Result{{}, context}; };
    build.ops["below"].contents[0] = [](const Result&) { return util::sha256_of("all of it"); };
    build.ops["copy"].reads_once = true;
    build.ops["copy"].contents[1] = [&](const Result& input) {
      if (input.tree != context) ++ahead;
      return util::sha256_of("content");
    };
    build.ops["copy"].run = [](std::span<const Result>, solver::OpContext&) { return test::FakeOps::layer("x"); };
    const auto source = build.ops.vertex("context");
    build.run(build.ops.vertex("copy", {build.ops.vertex("below", {source}), source}));
    CHECK(ahead == 0);
    CHECK(build.ops.execs("below") == (build_number == 0 ? 1 : 0));
  }
}

TEST_CASE("of two that build the same for the first time one runs, and the other takes its result") {
  cache::MemoryResultIndex index;
  std::atomic<int> runs = 0;
  const auto build_it = [&] {
    Build build(index);
    build.ops["context"].cacheable = false;
    build.ops["context"].run = [](std::span<const Result>, solver::OpContext&) {
      return Result{{}, std::make_shared<cache::MemoryTree>()};
    };
    build.ops["copy"].reads_once = true;
    build.ops["copy"].contents[0] = [](const Result&) { return util::sha256_of("same"); };
    build.ops["copy"].run = [&](std::span<const Result>, solver::OpContext&) {
      ++runs;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      return test::FakeOps::layer("x");
    };
    build.run(build.ops.vertex("copy", {build.ops.vertex("context")}));
  };
  std::thread other(build_it);
  build_it();
  other.join();
  CHECK(runs == 1);
}
