#include "util/worker_pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

TEST_CASE("all posted tasks run, as many at once as the limit says") {
  util::WorkerPool pool(4);
  std::latch together(4);
  std::latch done(4);
  for (int i = 0; i < 4; ++i) {
    pool.post([&] {
      together.arrive_and_wait();
      done.count_down();
    });
  }
  done.wait();
}

TEST_CASE("an idle thread is used again") {
  util::WorkerPool pool(8);
  std::mutex mutex;
  std::set<std::thread::id> threads;
  for (int i = 0; i < 100; ++i) {
    std::latch done(1);
    pool.post([&] {
      {
        std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
      }
      done.count_down();
    });
    done.wait();
  }
  CHECK(threads.size() <= 3);
}

TEST_CASE("never more threads than the limit") {
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::latch done(50);
  util::WorkerPool pool(2);
  for (int i = 0; i < 50; ++i) {
    pool.post([&] {
      int now = ++running;
      int seen = most.load();
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      std::this_thread::yield();
      --running;
      done.count_down();
    });
  }
  done.wait();
  CHECK(most.load() <= 2);
}

TEST_CASE("the destructor waits for the running task and drops queued ones") {
  std::atomic<bool> finished{false};
  std::atomic<bool> ran_queued{false};
  auto held = std::make_shared<int>(1);
  std::weak_ptr<int> queued = held;
  std::latch started(1);
  {
    util::WorkerPool pool(1);
    pool.post([&] {
      started.count_down();
      // The queued task is destroyed when the destructor has begun.
      while (!queued.expired()) std::this_thread::yield();
      pool.post([&] { ran_queued = true; });
      finished = true;
    });
    started.wait();
    pool.post([&, held = std::move(held)] { ran_queued = true; });
  }
  CHECK(finished);
  CHECK_FALSE(ran_queued);
}
