#include "frontend/dockerfile/container_path.h"

#include <doctest/doctest.h>

using dockerfile::base_name;
using dockerfile::join_directory_path;
using dockerfile::join_path;

TEST_CASE("paths are joined, cleaned and stop at the root") {
  CHECK(join_path("/", "") == "/");
  CHECK(join_path("/a", "b/./c//d/") == "/a/b/c/d");
  CHECK(join_path("/a", "/b") == "/b");
  CHECK(join_path("/a/b", "../../../c") == "/c");
  CHECK(join_path("/a", "..") == "/");
}

TEST_CASE("a destination written as a directory ends in a slash") {
  CHECK(join_directory_path("/a", "") == "/a/");
  CHECK(join_directory_path("/a", ".") == "/a/");
  CHECK(join_directory_path("/a", "b/.") == "/a/b/");
  CHECK(join_directory_path("/a", "b") == "/a/b");
  CHECK(join_directory_path("/", ".") == "/");
}

TEST_CASE("the last element of a path") {
  CHECK(base_name("/a/b/") == "b");
  CHECK(base_name("a") == "a");
  CHECK(base_name("/") == "");
  CHECK(base_name("a/..") == "");
}
