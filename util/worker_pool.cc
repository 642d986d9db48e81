#include "util/worker_pool.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "util/check.h"

namespace util {

struct WorkerPool::State {
  explicit State(unsigned most) : limit(most) {}

  /// Takes tasks until the pool ends.
  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      ++idle;
      wake.wait(lock, [&] { return ending || !queue.empty(); });
      --idle;
      if (ending) return;
      std::function<void()> task = std::move(queue.front());
      queue.pop_front();
      lock.unlock();
      task();
      task = nullptr;  // what it holds is released outside the lock
      lock.lock();
    }
  }

  const unsigned limit;
  std::mutex mutex;  // bare, for it guards several members and a condition
  std::condition_variable wake;
  std::deque<std::function<void()>> queue;
  std::vector<std::thread> threads;
  std::size_t idle = 0;
  bool ending = false;
};

WorkerPool::WorkerPool(unsigned limit) : state_(std::make_unique<State>(limit)) {
  CHECK(limit > 0);
}

WorkerPool::~WorkerPool() {
  std::deque<std::function<void()>> dropped;
  std::vector<std::thread> threads;
  {
    std::lock_guard lock(state_->mutex);
    state_->ending = true;
    dropped.swap(state_->queue);
    threads.swap(state_->threads);
  }
  state_->wake.notify_all();
  // What queued tasks hold is released before the wait: a running one may be waiting for just that.
  dropped.clear();
  for (std::thread& thread : threads) thread.join();
}

void WorkerPool::post(std::function<void()> task) {
  std::lock_guard lock(state_->mutex);
  // A task that still runs while the pool ends may post: dropped, as the queued ones are.
  if (state_->ending) return;
  state_->queue.push_back(std::move(task));
  if (state_->queue.size() > state_->idle && state_->threads.size() < state_->limit) {
    state_->threads.emplace_back([state = state_.get()] { state->work(); });
  }
  state_->wake.notify_one();
}

}  // namespace util
