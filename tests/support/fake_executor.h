#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "executor/executor.h"

namespace test {

/// Runs a function instead of a process, and keeps what it was asked to run.
class FakeExecutor final : public executor::Executor {
 public:
  struct Call {
    executor::ProcessSpec process;
    executor::MountPlan plan;
  };
  using Behaviour = std::function<executor::RunOutcome(const Call& call, const executor::ProcessIo& io)>;

  executor::RunOutcome run(const executor::ProcessSpec& process, const executor::MountPlan& mounts,
                           const executor::ProcessIo& io, std::stop_token) override {
    const Call call{process, mounts};
    {
      const std::lock_guard lock(mutex_);
      calls_.push_back(call);
    }
    return behaviour ? behaviour(call, io) : executor::RunOutcome();
  }
  const std::vector<Call>& calls() const { return calls_; }

  Behaviour behaviour;

 private:
  std::mutex mutex_;  // guards calls_
  std::vector<Call> calls_;
};

}  // namespace test
