#include "util/stats.h"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

TEST_CASE("a counter is one object for its name and adds up over threads") {
  util::Counter& counter = util::counter("test.threads");
  CHECK(&counter == &util::counter("test.threads"));
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([] {
        for (int k = 0; k < 1000; ++k) util::counter("test.threads").add();
      });
    }
  }
  counter.add(5);
  CHECK(util::all_counters().at("test.threads") == 4005);
}

TEST_CASE("a timer adds the microseconds of its scope") {
  {
    util::ScopedTimer timer("test-timer");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  CHECK(util::all_counters().at("time.test-timer_us") >= 2000);
}
