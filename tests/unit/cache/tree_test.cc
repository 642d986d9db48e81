#include "cache/tree.h"

#include <doctest/doctest.h>

#include "tests/unit/cache/fixture.h"
#include "util/error.h"

using test::directory_entry;
using test::file_entry;
using test::link_entry;

namespace {

cache::MemoryTree sample() {
  cache::MemoryTree tree;
  tree.add(file_entry("usr/lib/x.so", ""), "x");
  tree.add(link_entry("lib", "usr/lib"));
  tree.add(link_entry("etc/self", "/etc/self"));
  tree.add(link_entry("up", "../../usr"));
  tree.add(link_entry("usr/again", "lib/x.so"));
  return tree;
}

}  // namespace

TEST_CASE("a memory tree makes missing parents and lists names in byte order") {
  cache::MemoryTree tree;
  tree.add(file_entry("b/c", ""), "hello");
  tree.add(file_entry("a-b", ""), "");
  tree.add(file_entry("a/x", ""), "");
  CHECK(tree.list("") == std::vector<std::string>{"a", "a-b", "b"});
  CHECK(tree.find("b")->is_directory());
  CHECK(tree.find("b")->mode == 0755);
  CHECK(tree.find("b/c")->size == 5);
  CHECK(tree.content_digest("b/c") == util::sha256_of("hello"));
  CHECK_FALSE(tree.find("nothing"));
  CHECK(tree.find("")->is_directory());
  CHECK_THROWS_AS(tree.open("b"), util::Error);
}

TEST_CASE("links in a path are followed inside the tree") {
  cache::MemoryTree tree = sample();
  CHECK(cache::resolve_path(tree, "lib/x.so", true) == "usr/lib/x.so");
  CHECK(cache::resolve_path(tree, "/up/lib/../lib/x.so", true) == "usr/lib/x.so");
  CHECK(cache::resolve_path(tree, "usr/again", true) == "usr/lib/x.so");
  CHECK(cache::resolve_path(tree, "usr/again", false) == "usr/again");
  CHECK(cache::resolve_path(tree, "../../..", true) == "");
  CHECK(cache::resolve_path(tree, "lib/new/file", true) == "usr/lib/new/file");
}

TEST_CASE("a link loop is an error, not a hang") {
  CHECK_THROWS_WITH_AS(cache::resolve_path(sample(), "etc/self", true), "follow links of `etc/self`: too many links",
                       util::Error);
}
