#include "exporter/parallel.h"

#include <doctest/doctest.h>

#include <atomic>

#include "util/error.h"

using exporter::for_each_parallel;

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
