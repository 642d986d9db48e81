#pragma once

#include <cstddef>
#include <functional>

namespace cache {

/// Calls `f(i)` for every i below `count` on all cores. A thread that waits for the rest takes no foreign work
/// meanwhile, so `f` may hold locks. The first exception leaves it, the rest is not started.
void parallel_for(std::size_t count, const std::function<void(std::size_t)>& f);

}  // namespace cache
