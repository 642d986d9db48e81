#include "util/parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "util/error.h"

namespace util {
namespace {

/// A few times what it takes to start and join a thread.
constexpr std::chrono::microseconds kWorthThreads{200};

/// The numbers below `count`, each handed out once; the first failure.
class Loop {
 public:
  Loop(std::size_t count, const std::function<void(std::size_t)>& body) : count_(count), body_(body) {}

  /// One piece; false when none is left.
  bool step() {
    std::size_t i = next_.fetch_add(1, std::memory_order_relaxed);
    if (i >= count_) return false;
    try {
      body_(i);
    } catch (...) {
      std::lock_guard lock(mutex_);
      // Others that end because of this failure only say that they were cancelled.
      if (!failure_) failure_ = std::current_exception();
      next_ = count_;
    }
    return true;
  }
  void run() {
    while (step()) {
    }
  }
  /// The rest, on up to `threads` threads with the caller's.
  void run_on(unsigned threads) {
    std::size_t left = count_ - std::min(count_, next_.load());
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < std::min<std::size_t>(threads, left); ++i) {
      try {
        helpers.emplace_back([this] { run(); });
      } catch (const std::system_error&) {
        break;  // fewer threads do it as well
      }
    }
    run();
  }
  /// After all threads have ended.
  void finish() {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  const std::size_t count_;
  const std::function<void(std::size_t)>& body_;
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;  // bare, for it guards failure_ just while the loop runs
  std::exception_ptr failure_;
};

unsigned all_cores() {
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

void for_each_parallel(std::size_t count, unsigned threads,
                       const std::function<void(std::size_t, std::stop_token)>& work, std::stop_token stop) {
  std::stop_source own;
  std::stop_callback forward(stop, [&] { own.request_stop(); });
  const std::function<void(std::size_t)> body = [&](std::size_t i) {
    if (own.stop_requested()) return;
    try {
      work(i, own.get_token());
    } catch (...) {
      own.request_stop();
      throw;
    }
  };
  Loop loop(count, body);
  loop.run_on(threads == 0 ? all_cores() : threads);
  loop.finish();
  if (stop.stop_requested()) throw Cancelled();
}

void parallel_for(std::size_t count, const std::function<void(std::size_t)>& f) {
  using Clock = std::chrono::steady_clock;
  Loop loop(count, f);
  const Clock::time_point start = Clock::now();
  bool more = true;
  while (more && Clock::now() - start < kWorthThreads) more = loop.step();
  if (more) loop.run_on(all_cores());
  loop.finish();
}

}  // namespace util
