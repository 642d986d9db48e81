#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>

namespace util {

/// Calls `work(i, stop)` for every i below `count` on up to `threads` threads (0 = all cores) and waits for all. The
/// first failure stops the others and is thrown here; a stop request ends it with Cancelled.
void for_each_parallel(std::size_t count, unsigned threads,
                       const std::function<void(std::size_t, std::stop_token)>& work, std::stop_token stop);

/// Calls `f(i)` for every i below `count` on all cores. Made for many small pieces: other threads come in only when the
/// caller's first pieces have taken longer than starting them. The first failure is thrown here, the rest not started.
void parallel_for(std::size_t count, const std::function<void(std::size_t)>& f);

}  // namespace util
