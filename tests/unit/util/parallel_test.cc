#include "util/parallel.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <set>
#include <thread>
#include <vector>

#include "util/error.h"
#include "util/sync.h"

using util::for_each_parallel;
using util::parallel_for;

TEST_CASE("work is done once for every number") {
  for (unsigned threads : {0U, 1U, 3U, 100U}) {
    std::atomic<int> sum = 0;
    for_each_parallel(50, threads, [&](std::size_t i, const std::stop_token&) { sum += static_cast<int>(i); }, {});
    CHECK(sum == 1225);
  }
  for_each_parallel(0, 0, [](std::size_t, const std::stop_token&) { FAIL("nothing to do"); }, {});
}

TEST_CASE("the first failure stops the rest and comes out") {
  std::atomic<int> calls = 0;
  auto work = [&](std::size_t i, const std::stop_token& stop) {
    ++calls;
    if (i == 0) throw util::Error("broken");
    while (!stop.stop_requested()) {
    }
    throw util::Cancelled();
  };
  CHECK_THROWS_WITH(for_each_parallel(1000, 2, work, {}), "broken");
  CHECK(calls <= 2);
}

TEST_CASE("a stop request reaches the work") {
  std::stop_source stop;
  auto work = [&](std::size_t, const std::stop_token& own) {
    stop.request_stop();
    CHECK(own.stop_requested());
  };
  CHECK_THROWS_AS(for_each_parallel(10, 2, work, stop.get_token()), util::Cancelled);
}

TEST_CASE("a loop calls its body once for every number, short or long") {
  for (std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{20000}}) {
    std::vector<std::atomic<int>> calls(count);
    parallel_for(count, 0, [&](std::size_t i) { ++calls[i]; });
    CHECK(std::all_of(calls.begin(), calls.end(), [](const std::atomic<int>& n) { return n == 1; }));
  }
}

TEST_CASE("a loop over much is shared by threads, one over little is not") {
  if (std::thread::hardware_concurrency() < 2) return;
  const auto threads_of = [](std::uint64_t bytes, std::size_t wanted) {
    util::Sync<std::set<std::thread::id>> seen;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    parallel_for(4, bytes, [&](std::size_t) {
      seen.lock()->insert(std::this_thread::get_id());
      while (seen.lock()->size() < wanted && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    });
    return seen.lock()->size();
  };
  CHECK(threads_of(1U << 20, 2) > 1);
  CHECK(threads_of(100, 1) == 1);
}

TEST_CASE("a failure leaves a loop, and what was not started is not") {
  std::atomic<int> calls = 0;
  CHECK_THROWS_WITH(parallel_for(100000, 0,
                                 [&](std::size_t i) {
                                   ++calls;
                                   if (i == 5) throw util::Error("broken");
                                 }),
                    "broken");
  CHECK(calls < 100000);
}
