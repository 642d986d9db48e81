#include "cache/reserve.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "cache/cache_dir.h"
#include "cache/gc.h"
#include "tests/unit/cache/fixture.h"
#include "util/error.h"

namespace {

namespace fs = std::filesystem;

/// Bytes that the reserve of `root` takes on the disk.
std::uint64_t taken(const fs::path& root) {
  struct stat status = {};
  return ::stat((root / "reserve/blocks").c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512 : 0;
}

std::size_t count_files(const fs::path& directory) {
  std::size_t count = 0;
  for (auto it = fs::directory_iterator(directory); it != fs::directory_iterator(); ++it) ++count;
  return count;
}

/// Not on a full disk, nor on one that gives no room in advance.
bool can_reserve() {
  const test::TestDir dir;
  cache::make_reserve(dir.path());
  return taken(dir.path()) >= cache::kReserveSize;
}

}  // namespace

TEST_CASE("a reserve takes room, gives it up for a while, and takes it again") {
  if (!can_reserve()) return;
  const test::TestDir dir;
  cache::make_reserve(dir.path());
  const std::size_t files = count_files(dir / "reserve");
  CHECK(files > 8);
  {
    cache::ReleasedReserve released(dir.path());
    CHECK(taken(dir.path()) == 0);
    CHECK(count_files(dir / "reserve") == 1);
    released.take();
    CHECK(taken(dir.path()) >= cache::kReserveSize);
    released.give_up();
    CHECK(taken(dir.path()) == 0);
  }
  CHECK(taken(dir.path()) >= cache::kReserveSize);
  CHECK(count_files(dir / "reserve") == files);
}

TEST_CASE("a hole is no reserve, half of one is completed, and none is no failure") {
  if (!can_reserve()) return;
  const test::TestDir dir;
  cache::make_reserve(dir.path());
  fs::resize_file(dir / "reserve/blocks", 100);
  fs::resize_file(dir / "reserve/blocks", cache::kReserveSize);
  cache::make_reserve(dir.path());
  CHECK(taken(dir.path()) >= cache::kReserveSize);
  cache::make_reserve(dir / "nowhere");
  const cache::ReleasedReserve released(dir / "nowhere");
  CHECK_FALSE(fs::exists(dir / "nowhere"));
}

TEST_CASE("every use of a cache completes its reserve, and one for a full disk has it meanwhile") {
  if (!can_reserve()) return;
  const test::TestDir dir;
  const fs::path root = dir / "root";
  { const cache::CacheDir cache(root); }
  CHECK(taken(root) >= cache::kReserveSize);
  fs::remove_all(root / "reserve");  // as an older builder left it
  { const cache::CacheDir cache(root); }
  CHECK(taken(root) >= cache::kReserveSize);
  {
    cache::CacheDir cache(root, cache::CacheUse::on_full_disk);
    CHECK(taken(root) == 0);
    cache::make_reserve(root);  // another process has ended
    CHECK(cache.try_lock_exclusively());
    CHECK(taken(root) == 0);
    cache.lock_shared();
    {
      const cache::CacheDir other(root);
      bool waited = false;
      std::stop_source stop;
      CHECK_THROWS_AS(cache.lock_exclusively(stop.get_token(),
                                             [&] {
                                               waited = true;
                                               CHECK(taken(root) >= cache::kReserveSize);
                                               stop.request_stop();
                                             }),
                      util::Cancelled);
      CHECK(waited);
    }
  }
  CHECK(taken(root) >= cache::kReserveSize);
}

TEST_CASE("what is called reserve in a directory that is refused stays as it was") {
  const test::TestDir dir;
  dir.write("foreign/reserve", "precious");
  dir.write("foreign/main.c", "x");
  CHECK_THROWS_AS(cache::CacheDir(dir / "foreign", cache::CacheUse::on_full_disk), util::Error);
  CHECK_THROWS_AS(cache::CacheDir(dir / "foreign"), util::Error);
  CHECK_FALSE(cache::gc_is_due(dir / "foreign", {}, 0));
  CHECK(test::read_text(dir / "foreign/reserve") == "precious");
  CHECK(count_files(dir / "foreign") == 2);

  dir.write("newer/version", "2\n");
  dir.write("newer/reserve", "theirs");
  CHECK_THROWS_AS(cache::CacheDir(dir / "newer", cache::CacheUse::on_full_disk), util::Error);
  CHECK_THROWS_AS(cache::CacheDir(dir / "newer"), util::Error);
  CHECK(test::read_text(dir / "newer/reserve") == "theirs");
}
