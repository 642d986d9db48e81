#include "source/local_source.h"

#include <doctest/doctest.h>

#include "cache/tree.h"
#include "tests/support/test_dir.h"
#include "util/error.h"

namespace {

llb::LocalSource op_of(const test::TestDir& directory, std::vector<std::string> exclude = {}) {
  return {"context", (directory / "context").string(), std::move(exclude)};
}

}  // namespace

TEST_CASE("a local directory is fetched as a tree without a digest of its own") {
  test::TestDir directory;
  directory.write("context/file", "x");
  source::LocalSource local(directory / "stats");
  llb::SourceOp op = op_of(directory);
  source::Pin pin = local.pin(op, nullptr, {});
  CHECK(pin.digest.empty());
  CHECK(pin.description == (directory / "context").string());
  cache::Result result = local.fetch(op, pin, nullptr, {});
  CHECK(result.layers.empty());
  REQUIRE(result.tree);
  CHECK(result.tree->list("") == std::vector<std::string>{"file"});
}

TEST_CASE("equal sources of one build share a tree, other patterns make another") {
  test::TestDir directory;
  directory.write("context/file", "x");
  source::LocalSource local(directory / "stats");
  auto tree = [&](std::vector<std::string> exclude) {
    return local.fetch(op_of(directory, std::move(exclude)), {}, nullptr, {}).tree;
  };
  CHECK(tree({}) == tree({}));
  CHECK(tree({}) != tree({"file"}));
  CHECK(tree({"file"})->list("").empty());
  local.save();
}

TEST_CASE("a missing context is reported") {
  test::TestDir directory;
  source::LocalSource local(directory / "stats");
  try {
    local.fetch(op_of(directory), {}, nullptr, {});
    FAIL("accepted");
  } catch (const util::Error& error) {
    CHECK(error.message() ==
          "load `context`: open `" + (directory / "context").string() + "`: no such file or directory");
  }
}
