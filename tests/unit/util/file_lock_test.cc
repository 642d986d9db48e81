#include "util/file_lock.h"

#include <doctest/doctest.h>

#include <thread>

#include "tests/support/test_dir.h"
#include "util/error.h"

using util::FileLock;
using util::LockMode;

TEST_CASE("an exclusive lock keeps others out until it is released") {
  test::TestDir dir;
  {
    FileLock lock = FileLock::acquire(dir / "lock", LockMode::exclusive);
    CHECK_FALSE(FileLock::try_acquire(dir / "lock", LockMode::exclusive));
    CHECK_FALSE(FileLock::try_acquire(dir / "lock", LockMode::shared));
  }
  CHECK(FileLock::try_acquire(dir / "lock", LockMode::exclusive));
  CHECK(std::filesystem::exists(dir / "lock"));
}

TEST_CASE("shared locks stand side by side") {
  test::TestDir dir;
  FileLock first = FileLock::acquire(dir / "lock", LockMode::shared);
  CHECK(FileLock::try_acquire(dir / "lock", LockMode::shared));
  CHECK_FALSE(FileLock::try_acquire(dir / "lock", LockMode::exclusive));
}

TEST_CASE("a waiter gets the lock when it is free") {
  test::TestDir dir;
  std::optional<FileLock> held = FileLock::acquire(dir / "lock", LockMode::exclusive);
  std::jthread waiter([&] { (void)FileLock::acquire(dir / "lock", LockMode::exclusive); });
  held.reset();
  waiter.join();
  CHECK(FileLock::try_acquire(dir / "lock", LockMode::exclusive));
}

TEST_CASE("a stop ends the waiting") {
  test::TestDir dir;
  FileLock held = FileLock::acquire(dir / "lock", LockMode::exclusive);
  std::stop_source stop;
  bool cancelled = false;
  std::jthread waiter([&] {
    try {
      (void)FileLock::acquire(dir / "lock", LockMode::shared, stop.get_token());
    } catch (const util::Cancelled&) {
      cancelled = true;
    }
  });
  stop.request_stop();
  waiter.join();
  CHECK(cancelled);
}

TEST_CASE("a lock is converted when nobody is in the way, and lost when somebody is") {
  test::TestDir directory;
  const std::filesystem::path path = directory / "lock";
  util::FileLock lock = util::FileLock::acquire(path, util::LockMode::shared);
  CHECK(lock.try_convert(util::LockMode::exclusive));
  CHECK_FALSE(util::FileLock::try_acquire(path, util::LockMode::shared).has_value());
  lock.convert(util::LockMode::shared);
  auto other = util::FileLock::try_acquire(path, util::LockMode::shared);
  REQUIRE(other.has_value());
  CHECK_FALSE(lock.try_convert(util::LockMode::exclusive));
  CHECK(other->try_convert(util::LockMode::exclusive));
}
