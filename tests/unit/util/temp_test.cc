#include "util/temp.h"

#include <doctest/doctest.h>
#include <fcntl.h>


#include "tests/support/test_dir.h"
#include "util/error.h"
#include "util/fs.h"

namespace {
std::size_t count_entries(const std::filesystem::path& path) {
  return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path), {}));
}
}  // namespace

TEST_CASE("a temporary directory is private and vanishes with its content") {
  test::TestDir dir;
  {
    util::TempDir temp(dir.path(), "work-");
    CHECK(temp.path().filename().native().starts_with("work-"));
    CHECK(util::stat_at(AT_FDCWD, temp.path()).mode == 0700);
    util::make_directories(temp.path() / "a/b");
  }
  CHECK(count_entries(dir.path()) == 0);
}

TEST_CASE("a moved temporary directory is deleted once, a released one stays") {
  test::TestDir dir;
  std::filesystem::path kept;
  {
    util::TempDir first(dir.path(), "x");
    util::TempDir second = std::move(first);
    util::TempDir third(dir.path(), "y");
    third = std::move(second);
    CHECK(count_entries(dir.path()) == 1);
    kept = third.release();
  }
  CHECK(std::filesystem::is_directory(kept));
}

TEST_CASE("a temporary directory in a missing directory names it") {
  CHECK_THROWS_WITH_AS(util::TempDir("/no/such", "x"),
                       "make temporary directory in `/no/such`: no such file or directory", util::SystemError);
}

TEST_CASE("an atomic file appears whole or not at all") {
  test::TestDir dir;
  {
    util::AtomicFile file(dir / "f");
    util::write_all(file.fd(), "half");
    CHECK_FALSE(std::filesystem::exists(dir / "f"));
    // Whoever is killed now leaves nothing. The file system of the tests has files without a name.
    CHECK(count_entries(dir.path()) == 0);
  }
  CHECK(count_entries(dir.path()) == 0);
  {
    util::AtomicFile first(dir / "f", 0640);
    util::AtomicFile file = std::move(first);
    util::write_all(file.fd(), "whole");
    file.commit(true);
  }
  CHECK(util::read_file(dir / "f") == "whole");
  CHECK(util::stat_at(AT_FDCWD, dir / "f").mode == 0640);
  CHECK(count_entries(dir.path()) == 1);
}

TEST_CASE("write_file_atomically replaces") {
  test::TestDir dir;
  util::write_file_atomically(dir / "f", "one");
  util::write_file_atomically(dir / "f", "two");
  CHECK(util::read_file(dir / "f") == "two");
  CHECK(count_entries(dir.path()) == 1);
  CHECK_THROWS_AS(util::write_file_atomically(dir / "no/f", "x"), util::SystemError);
}
