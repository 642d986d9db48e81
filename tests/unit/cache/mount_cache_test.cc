#include "cache/mount_cache.h"

#include <doctest/doctest.h>

#include <fstream>
#include <thread>

#include "tests/support/test_dir.h"
#include "util/error.h"

using cache::MountSharing;

TEST_CASE("a shared cache mount is one directory for everybody and keeps its content") {
  test::TestDir directory;
  cache::MountCache mounts(directory.path());
  int filled = 0;
  auto fill = [&](const std::filesystem::path& path) {
    ++filled;
    std::ofstream(path / "from-base") << "x";
  };
  std::filesystem::path first;
  {
    auto one = mounts.acquire("k", MountSharing::shared, fill, {});
    auto two = mounts.acquire("k", MountSharing::shared, fill, {});
    CHECK(one->directory() == two->directory());
    first = one->directory();
    CHECK(std::filesystem::exists(first / "from-base"));
    std::ofstream(first / "kept") << "y";
  }
  cache::MountCache again(directory.path());
  auto later = again.acquire("k", MountSharing::shared, fill, {});
  CHECK(later->directory() == first);
  CHECK(std::filesystem::exists(first / "kept"));
  CHECK(filled == 1);
  CHECK(again.acquire("other", MountSharing::shared, {}, {})->directory() != first);
}

TEST_CASE("a private cache mount gives another directory while the first is in use") {
  test::TestDir directory;
  cache::MountCache mounts(directory.path());
  auto one = mounts.acquire("k", MountSharing::exclusive_or_other, {}, {});
  auto two = mounts.acquire("k", MountSharing::exclusive_or_other, {}, {});
  CHECK(one->directory() != two->directory());
  std::filesystem::path first = one->directory();
  one.reset();
  CHECK(mounts.acquire("k", MountSharing::exclusive_or_other, {}, {})->directory() == first);
}

TEST_CASE("a locked cache mount is waited for") {
  test::TestDir directory;
  cache::MountCache mounts(directory.path());
  auto held = mounts.acquire("k", MountSharing::locked, {}, {});
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(mounts.acquire("k", MountSharing::locked, {}, stop.get_token()), util::Cancelled);
  std::filesystem::path path = held->directory();
  std::jthread other([&] { CHECK(mounts.acquire("k", MountSharing::locked, {}, {})->directory() == path); });
  held.reset();
}

TEST_CASE("a cache mount that could not be filled is filled by the next one") {
  test::TestDir directory;
  cache::MountCache mounts(directory.path());
  auto broken = [](const std::filesystem::path& path) {
    std::ofstream(path / "half") << "x";
    throw util::Error("broken");
  };
  CHECK_THROWS_AS(mounts.acquire("k", MountSharing::shared, broken, {}), util::Error);
  auto lease = mounts.acquire("k", MountSharing::shared, {}, {});
  CHECK(std::filesystem::is_empty(lease->directory()));
}

TEST_CASE("a cleared cache mount is empty and filled anew") {
  test::TestDir directory;
  cache::MountCache mounts(directory.path());
  mounts.clear("k", {});
  std::ofstream(mounts.acquire("k", MountSharing::shared, {}, {})->directory() / "x") << "x";
  mounts.clear("k", {});
  int filled = 0;
  auto lease = mounts.acquire("k", MountSharing::shared, [&](const auto&) { ++filled; }, {});
  CHECK(filled == 1);
  CHECK(std::filesystem::is_empty(lease->directory()));
}
