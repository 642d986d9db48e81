#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>

namespace util {

/// Calls `work(i, stop)` for every i below `count` on up to `threads` threads (0 = all cores) and waits for all. The
/// first failure stops the others and is thrown here; a stop request ends it with Cancelled.
void for_each_parallel(std::size_t count, unsigned threads,
                       const std::function<void(std::size_t, std::stop_token)>& work, std::stop_token stop);

/// Calls `f(i)` for every i below `count`, each about a file, on all cores; by the caller alone when `bytes`, the size of
/// all files together, says that it is not worth a thread. The first failure is thrown here, the rest not started.
void parallel_for(std::size_t count, std::uint64_t bytes, const std::function<void(std::size_t)>& f);

}  // namespace util
