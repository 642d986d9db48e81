#include "cache/cache_dir.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "cache/temporary.h"
#include "tests/support/test_dir.h"
#include "tests/unit/cache/fixture.h"
#include "util/error.h"

TEST_CASE("opening a cache makes its layout, and opening it again changes nothing") {
  test::TestDir directory;
  { cache::CacheDir cache(directory / "root"); }
  for (const char* name : {"version", "lock", "cache.db", "oci/oci-layout", "oci/index.json", "oci/blobs/sha256",
                           "snapshots", "listings", "locks", "mounts", "stat", "tmp"}) {
    CAPTURE(name);
    CHECK(std::filesystem::exists(directory / ("root/" + std::string(name))));
  }
  CHECK(test::read_text(directory / "root/version") == "1\n");
  CHECK(std::filesystem::is_empty(directory / "root/tmp"));
  cache::CacheDir again(directory / "root");
  CHECK(again.images().list().empty());
  CHECK(std::filesystem::exists(again.temporary()));
}

TEST_CASE("a directory with other things in it is not taken for a cache") {
  test::TestDir directory;
  directory.write("home/important", "x");
  const std::string home = std::filesystem::canonical(directory / "home").native();
  CHECK_THROWS_WITH_AS(cache::CacheDir(directory / "home"),
                       ("use `" + home + "` as cache: it is no cache of builder, and not empty").c_str(), util::Error);
  CHECK_FALSE(std::filesystem::exists(directory / "home/lock"));
}

TEST_CASE("a cache of a newer format is refused") {
  test::TestDir directory;
  directory.write("root/version", "2\n");
  CHECK_THROWS_AS(cache::CacheDir(directory / "root"), util::Error);
}

TEST_CASE("a path that cannot be a directory is an error with a hint") {
  test::TestDir directory;
  directory.write("file", "x");
  try {
    cache::CacheDir cache(directory / "file/root");
    FAIL("no error");
  } catch (const util::Error& error) {
    CHECK(error.hint().find("BUILDER_ROOT") != std::string::npos);
  }
}

TEST_CASE("what a killed process left is swept, what a living one uses is not") {
  test::TestDir directory;
  cache::CacheDir living(directory / "root");
  std::ofstream(living.temporary() / "mine") << "x";
  pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    cache::ProcessTemporary own(directory / "root/tmp");
    std::filesystem::create_directories(own.path() / "half/done");
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  auto entries = [&] {
    std::filesystem::directory_iterator iterator(directory / "root/tmp");
    return std::distance(begin(iterator), end(iterator));
  };
  CHECK(entries() == 2);
  cache::CacheDir other(directory / "root");
  CHECK(entries() == 2);
  CHECK(std::filesystem::exists(living.temporary() / "mine"));
}

TEST_CASE("many processes can open a new cache at once") {
  test::TestDir directory;
  std::vector<pid_t> children;
  for (int i = 0; i < 12; ++i) {
    pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      int code = 1;
      try {
        cache::CacheDir cache(directory / "root");
        cache.content().put(std::to_string(i));
        code = 0;
      } catch (const std::exception& error) {
        ::write(2, error.what(), std::string_view(error.what()).size());
      }
      ::_exit(code);
    }
    children.push_back(child);
  }
  for (pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
  }
}

TEST_CASE("the default root can be named by the environment") {
  const char* before = std::getenv("BUILDER_ROOT");
  std::string kept = before != nullptr ? before : "";
  ::setenv("BUILDER_ROOT", "/somewhere", 1);
  CHECK(cache::default_root() == "/somewhere");
  ::unsetenv("BUILDER_ROOT");
  if (::geteuid() == 0) CHECK(cache::default_root() == "/var/lib/builder");
  if (before != nullptr) ::setenv("BUILDER_ROOT", kept.c_str(), 1);
}
