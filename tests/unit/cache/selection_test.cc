#include "cache/selection.h"

#include <doctest/doctest.h>

#include "tests/unit/cache/fixture.h"
#include "util/error.h"

using test::directory_entry;
using test::file_entry;
using test::link_entry;

namespace {

cache::MemoryTree sample() {
  cache::MemoryTree tree;
  for (const char* path :
       {"src/a.c", "src/b.c", "src/sub/c.c", "src/sub/deep/d.c", "src/readme", "sub2/x.c", "other/y.c"}) {
    tree.add(file_entry(path, ""), path);
  }
  tree.add(link_entry("current", "src"));
  tree.add(link_entry("src/link.c", "a.c"));
  return tree;
}

std::vector<std::string> paths(const cache::PathSelection& selection) {
  std::vector<std::string> result;
  for (const cache::Match& match : cache::match_selection(sample(), selection))
    result.push_back(match.path + ">" + match.resolved);
  return result;
}

std::vector<std::string> kept(const cache::PathSelection& selection) {
  std::vector<std::string> result;
  for (const cache::Match& match : cache::match_selection(sample(), selection)) result.push_back(match.kept);
  return result;
}

std::vector<std::string> walked(const std::string& path, std::vector<std::string> exclude) {
  cache::MemoryTree tree = sample();
  std::vector<cache::Match> matches = cache::match_selection(tree, {.path = path});
  REQUIRE(matches.size() == 1);
  std::vector<std::string> result;
  cache::walk(tree, matches[0], util::PatternMatcher(std::move(exclude)),
              [&](const std::string& relative, const oci::LayerEntry&) { result.push_back(relative); });
  return result;
}

using Paths = std::vector<std::string>;

}  // namespace

TEST_CASE("a literal path follows links inside the tree") {
  CHECK(paths({.path = "/current/a.c"}) == Paths{"current/a.c>src/a.c"});
  CHECK(paths({.path = "src/link.c"}) == Paths{"src/link.c>src/a.c"});
  CHECK(paths({.path = "src/link.c", .follow_links = false}) == Paths{"src/link.c>src/link.c"});
  CHECK(paths({.path = "../../src"}) == Paths{"src>src"});
  CHECK(paths({.path = "/"}) == Paths{">"});
}

TEST_CASE("a literal path that is missing names the path and a near one") {
  try {
    cache::match_selection(sample(), {.path = "src/aa.c"});
    FAIL("no error");
  } catch (const util::Error& error) {
    CHECK(error.message() == "\"/src/aa.c\": not found");
    CHECK(error.hint() == "did you mean `src/a.c`?");
  }
  CHECK_THROWS_WITH_AS(cache::match_selection(sample(), {.path = "src/a.c/x"}), "\"/src/a.c/x\": not found",
                       util::Error);
}

TEST_CASE("wildcards match component by component, sorted, and do not look through links") {
  CHECK(paths({.path = "src/*.c", .wildcard = true}) ==
        Paths{"src/a.c>src/a.c", "src/b.c>src/b.c", "src/link.c>src/a.c"});
  CHECK(paths({.path = "*/?.c", .wildcard = true}) ==
        Paths{"other/y.c>other/y.c", "src/a.c>src/a.c", "src/b.c>src/b.c", "sub2/x.c>sub2/x.c"});
  CHECK(paths({.path = "current/*.c", .wildcard = true}).size() == 3);
  CHECK(paths({.path = "s*", .wildcard = true}) == Paths{"src>src", "sub2>sub2"});
  CHECK(paths({.path = "nothing*", .wildcard = true}).empty());
  CHECK(paths({.path = "missing/*.c", .wildcard = true}).empty());
  CHECK(paths({.path = "src", .wildcard = true}) == Paths{"src>src"});
}

TEST_CASE("a matched file that is excluded by name is left out") {
  CHECK(paths({.path = "src/*.c", .wildcard = true, .exclude = {"b.*", "l*"}}) == Paths{"src/a.c>src/a.c"});
}

TEST_CASE("with parents the path below the pivot is kept") {
  CHECK(kept({.path = "src/sub/c.c", .parents = true}) == Paths{"src/sub/c.c"});
  CHECK(kept({.path = "./src/./sub/deep", .parents = true}) == Paths{"sub/deep"});
  CHECK(kept({.path = "src/**/*.c", .wildcard = true, .parents = true}).size() == 5);
  CHECK(kept({.path = "src/./s*", .wildcard = true, .parents = true}) == Paths{"sub"});
  CHECK(kept({.path = "**/zzz", .wildcard = true, .parents = true}).empty());
  CHECK_THROWS_AS(kept({.path = "src/./none", .parents = true}), util::Error);
}

TEST_CASE("a walk comes from the top down in byte order and does not follow links") {
  CHECK(walked("src", {}) == Paths{"", "a.c", "b.c", "link.c", "readme", "sub", "sub/c.c", "sub/deep", "sub/deep/d.c"});
}

TEST_CASE("excluded directories are walked only as far as something is included again") {
  CHECK(walked("src", {"sub"}) == Paths{"", "a.c", "b.c", "link.c", "readme"});
  CHECK(walked("src", {"sub", "!sub/deep/d.c", "**/*.c"}) == Paths{"", "readme"});
  CHECK(walked("src", {"*.c", "sub", "!sub/deep/d.c"}) == Paths{"", "readme", "sub", "sub/deep", "sub/deep/d.c"});
  CHECK(walked("src", {"**"}) == Paths{""});
}
