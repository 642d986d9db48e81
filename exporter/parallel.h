#pragma once

#include <cstddef>
#include <functional>
#include <stop_token>

namespace exporter {

/// Calls `work(i, stop)` for every i below `count` on up to `threads` threads (0 = all cores) and waits for all. The
/// first failure stops the others and is thrown here; a stop request ends it with util::Cancelled.
void for_each_parallel(std::size_t count, unsigned threads,
                       const std::function<void(std::size_t, std::stop_token)>& work, std::stop_token stop);

}  // namespace exporter
