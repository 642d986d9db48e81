#include "cache/stat_cache.h"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>

#include "tests/support/test_dir.h"
#include "util/time.h"

namespace {

util::FileStat stat_of(std::uint64_t inode) {
  util::FileStat stat;
  stat.device = 1;
  stat.inode = inode;
  stat.size = inode * 10;
  stat.mtime = 1'000'000'000;
  stat.ctime = 2'000'000'000;
  return stat;
}

}  // namespace

TEST_CASE("a file is known as long as lstat says the same") {
  test::TestDir directory;
  {
    cache::StatCache cache(directory.path(), "/some/tree");
    cache.put("a/b", stat_of(1), util::sha256_of("x"));
    CHECK(cache.find("a/b", stat_of(1)) == util::sha256_of("x"));
    cache.save();
  }
  cache::StatCache cache(directory.path(), "/some/tree");
  CHECK(cache.find("a/b", stat_of(1)) == util::sha256_of("x"));
  CHECK_FALSE(cache.find("a/c", stat_of(1)));
  for (auto change : std::initializer_list<void (*)(util::FileStat&)>{
           [](util::FileStat& s) { s.device++; }, [](util::FileStat& s) { s.inode++; },
           [](util::FileStat& s) { s.size++; }, [](util::FileStat& s) { s.mtime++; },
           [](util::FileStat& s) { s.ctime++; }}) {
    util::FileStat stat = stat_of(1);
    change(stat);
    CHECK_FALSE(cache.find("a/b", stat));
  }
  CHECK_FALSE(cache::StatCache(directory.path(), "/other/tree").find("a/b", stat_of(1)));
}

TEST_CASE("a file that changed just now is not trusted") {
  test::TestDir directory;
  cache::StatCache cache(directory.path(), "/tree");
  constexpr util::Nanoseconds kSecond = 1'000'000'000;
  const auto is_trusted = [&](util::Nanoseconds ctime) {
    util::FileStat stat = stat_of(1);
    stat.ctime = ctime;
    const bool put = cache.put("a", stat, util::sha256_of("x"));
    CHECK(cache.find("a", stat).has_value() == put);
    return put;
  };
  const util::Nanoseconds now = util::now_nanoseconds();
  const util::Nanoseconds odd = now / kSecond * kSecond + 1;
  CHECK_FALSE(is_trusted(now | 1));
  CHECK_FALSE(is_trusted(odd + 10 * kSecond));
  CHECK(is_trusted(odd - kSecond));
  // Nothing below a millisecond: the file system may count in seconds.
  CHECK_FALSE(is_trusted(odd - 1 - kSecond + 1'000'000));
  CHECK(is_trusted(odd - 1 - 3 * kSecond));
}

TEST_CASE("entries of an earlier run stay when others are added or replaced") {
  test::TestDir directory;
  for (int run = 0; run < 3; ++run) {
    cache::StatCache cache(directory.path(), "/tree");
    cache.put("file" + std::to_string(run), stat_of(run), util::sha256_of("x"));
    cache.put("same", stat_of(100 + run), util::sha256_of(std::to_string(run)));
    cache.save();
  }
  cache::StatCache cache(directory.path(), "/tree");
  for (int run = 0; run < 3; ++run) CHECK(cache.find("file" + std::to_string(run), stat_of(run)));
  CHECK(cache.find("same", stat_of(102)) == util::sha256_of("2"));
  CHECK_FALSE(cache.find("same", stat_of(100)));
}

TEST_CASE("what is put after the cache was saved goes with the next time") {
  test::TestDir directory;
  const std::string long_path(2000, 'x');
  {
    cache::StatCache cache(directory.path(), "/tree");
    cache.put("old", stat_of(1), util::sha256_of("1"));
    cache.save();
  }
  {
    cache::StatCache cache(directory.path(), "/tree");
    cache.put("a", stat_of(2), util::sha256_of("2"));
    cache.save();
    CHECK(cache.find("a", stat_of(2)));
    cache.put("a", stat_of(3), util::sha256_of("3"));
    cache.put(long_path, stat_of(4), util::sha256_of("4"));
    // What was saved stays what it is until then.
    CHECK(cache::StatCache(directory.path(), "/tree").find("a", stat_of(2)));
    cache.save();
    CHECK(cache.find("old", stat_of(1)));
  }
  cache::StatCache cache(directory.path(), "/tree");
  CHECK(cache.find("old", stat_of(1)) == util::sha256_of("1"));
  CHECK(cache.find("a", stat_of(3)) == util::sha256_of("3"));
  CHECK(cache.find(long_path, stat_of(4)) == util::sha256_of("4"));
  CHECK_FALSE(cache.find(long_path.substr(1), stat_of(4)));
}

TEST_CASE("where nothing can be written nothing is kept, and nothing breaks") {
  test::TestDir directory;
  cache::StatCache cache(directory.path() / "missing", "/tree");
  for (int i = 0; i < 10'000; ++i) CHECK(cache.put(std::to_string(i), stat_of(1), util::sha256_of("x")));
  CHECK_FALSE(cache.find("0", stat_of(1)));
  cache.save();
  CHECK_FALSE(cache.find("0", stat_of(1)));
}

TEST_CASE("a damaged cache file is as good as none") {
  test::TestDir directory;
  std::filesystem::path file;
  {
    cache::StatCache cache(directory.path(), "/tree");
    for (int i = 0; i < 100; ++i) cache.put(std::to_string(i), stat_of(i), util::sha256_of("x"));
    cache.save();
    file = std::filesystem::directory_iterator(directory.path())->path();
  }
  std::string good = util::read_file(file);
  for (std::size_t cut : {std::size_t{0}, std::size_t{10}, std::size_t{31}, good.size() / 2, good.size() - 1}) {
    directory.write(file.filename().string(), good.substr(0, cut));
    CHECK_FALSE(cache::StatCache(directory.path(), "/tree").find("5", stat_of(5)));
  }
  for (std::size_t i = 0; i < good.size(); i += 37) {
    std::string bad = good;
    bad[i] ^= 0x10;
    directory.write(file.filename().string(), bad);
    CHECK_FALSE(cache::StatCache(directory.path(), "/tree").find("5", stat_of(5)));
  }
  directory.write(file.filename().string(), good);
  CHECK(cache::StatCache(directory.path(), "/tree").find("5", stat_of(5)));
}

TEST_CASE("a table that goes to the disk loses nothing, and takes what replaces and what stays") {
  constexpr std::uint64_t kCount = 150'000;
  test::TestDir directory;
  cache::StatCache cache(directory.path(), "/tree");
  const util::Digest digest = util::sha256_of("x");
  for (std::uint64_t i = 0; i < kCount; ++i) REQUIRE(cache.put(std::to_string(i), stat_of(i), digest));
  cache.save();
  const cache::StatCache saved(directory.path(), "/tree");
  for (std::uint64_t i = 0; i < kCount; ++i) {
    if (cache.find(std::to_string(i), stat_of(i)) != digest || saved.find(std::to_string(i), stat_of(i)) != digest) FAIL("lost " << i);
  }
  cache::StatCache next(directory.path(), "/tree");
  const util::Digest other = util::sha256_of("y");
  for (std::uint64_t i = 0; i < kCount; i += 3) REQUIRE(next.put(std::to_string(i), stat_of(i + 1), other));
  for (std::uint64_t i = kCount; i < kCount + 100; ++i) REQUIRE(next.put(std::to_string(i), stat_of(i), digest));
  next.save();
  const cache::StatCache last(directory.path(), "/tree");
  for (std::uint64_t i = 0; i < kCount + 100; ++i) {
    const bool replaced = i < kCount && i % 3 == 0;
    if (last.find(std::to_string(i), stat_of(replaced ? i + 1 : i)) != (replaced ? other : digest)) FAIL("lost " << i);
  }
}

TEST_CASE("fifty thousand entries are loaded and asked for quickly") {
  test::TestDir directory;
  auto path = [](int i) {
    return "some/directory/of/the/tree/" + std::to_string(i % 100) + "/file" + std::to_string(i) + ".c";
  };
  {
    cache::StatCache cache(directory.path(), "/tree");
    for (int i = 0; i < 50000; ++i) cache.put(path(i), stat_of(i), util::sha256_of("x"));
    cache.save();
  }
  auto start = std::chrono::steady_clock::now();
  cache::StatCache cache(directory.path(), "/tree");
  auto loaded = std::chrono::steady_clock::now();
  int found = 0;
  for (int i = 0; i < 50000; ++i) found += cache.find(path(i), stat_of(i)) ? 1 : 0;
  auto asked = std::chrono::steady_clock::now();
  CHECK(found == 50000);
  MESSAGE("load " << std::chrono::duration<double, std::milli>(loaded - start).count() << " ms, ask "
                  << std::chrono::duration<double, std::milli>(asked - loaded).count() << " ms");
  CHECK(loaded - start < std::chrono::milliseconds(500));
}
