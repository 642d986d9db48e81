#pragma once

#include <functional>
#include <memory>

namespace util {

/// A bounded number of threads for work that blocks (processes, network, locks). Tasks must not throw.
/// The destructor waits for running tasks and drops the queued ones.
class WorkerPool {
 public:
  /// Threads are made on demand, at most `limit`.
  explicit WorkerPool(unsigned limit);
  ~WorkerPool();
  void post(std::function<void()> task);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace util
