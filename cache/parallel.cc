#include "cache/parallel.h"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

namespace cache {

void parallel_for(std::size_t count, const std::function<void(std::size_t)>& f) {
  tbb::this_task_arena::isolate([&] { tbb::parallel_for(std::size_t{0}, count, f); });
}

}  // namespace cache
