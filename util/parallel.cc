#include "util/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "util/error.h"

namespace util {
namespace {

/// What a thread costs is what hashing this much costs; to open a file costs as much as to hash some of it.
constexpr std::uint64_t kBytesPerThread = std::uint64_t{256} << 10;
constexpr std::uint64_t kBytesPerFile = std::uint64_t{16} << 10;

}  // namespace

void for_each_parallel(std::size_t count, unsigned threads,
                       const std::function<void(std::size_t, std::stop_token)>& work, std::stop_token stop) {
  std::stop_source own;
  std::stop_callback forward(stop, [&] { own.request_stop(); });
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;  // guards failure
  std::exception_ptr failure;
  auto run = [&] {
    for (std::size_t i = next++; i < count && !own.stop_requested(); i = next++) {
      try {
        work(i, own.get_token());
      } catch (...) {
        std::lock_guard lock(mutex);
        // Others that end because of this failure only say that they were cancelled.
        if (!failure) failure = std::current_exception();
        own.request_stop();
      }
    }
  };
  if (threads == 0) threads = std::max(1U, std::thread::hardware_concurrency());
  std::vector<std::jthread> helpers;
  for (std::size_t i = 1; i < std::min<std::size_t>(threads, count); ++i) {
    try {
      helpers.emplace_back(run);
    } catch (const std::system_error&) {
      break;  // fewer threads do it as well
    }
  }
  run();
  helpers.clear();
  if (failure) std::rethrow_exception(failure);
  if (stop.stop_requested()) throw Cancelled();
}

void parallel_for(std::size_t count, std::uint64_t bytes, const std::function<void(std::size_t)>& f) {
  const bool little = bytes + count * kBytesPerFile < kBytesPerThread;
  for_each_parallel(count, little ? 1 : 0, [&](std::size_t i, const std::stop_token&) { f(i); }, {});
}

}  // namespace util
