#include "cache/reserve.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "tests/support/test_dir.h"

namespace {

/// Bytes that the file takes on the disk; -1 if there is none.
long taken_by(const std::filesystem::path& file) {
  struct stat status = {};
  return ::stat(file.c_str(), &status) == 0 ? status.st_blocks * 512 : -1;
}

}  // namespace

TEST_CASE("a reserve takes room, gives it up for a while, and takes it again") {
  const test::TestDir dir;
  const std::filesystem::path file = dir.path() / "reserve";
  cache::make_reserve(dir.path());
  if (taken_by(file) < 0) return;  // a full disk, or one that gives no room in advance
  CHECK(taken_by(file) >= static_cast<long>(cache::kReserveSize));
  {
    const cache::ReleasedReserve released(dir.path());
    CHECK(taken_by(file) == -1);
  }
  CHECK(taken_by(file) >= static_cast<long>(cache::kReserveSize));
}

TEST_CASE("half a reserve is completed, and none is no failure") {
  const test::TestDir dir;
  const std::filesystem::path file = dir.path() / "reserve";
  cache::make_reserve(dir.path());
  if (taken_by(file) < 0) return;
  std::filesystem::resize_file(file, 100);
  cache::make_reserve(dir.path());
  CHECK(std::filesystem::file_size(file) == cache::kReserveSize);
  cache::make_reserve(dir.path() / "nowhere");
  const cache::ReleasedReserve released(dir.path() / "nowhere");
  CHECK_FALSE(std::filesystem::exists(dir.path() / "nowhere"));
}
