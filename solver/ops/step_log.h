#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "util/progress.h"

namespace ops {

/// How much a step may print, in bytes; negative = no limit.
struct LogLimits {
  std::int64_t size = 2 << 20;
  std::int64_t per_second = 200 << 10;
  /// BUILDKIT_STEP_LOG_MAX_SIZE and BUILDKIT_STEP_LOG_MAX_SPEED, else the defaults.
  static LogLimits from_environment();
};

/// Passes what a step prints on as log events, clipped to its limits, and remembers the last lines. Not thread-safe.
class StepLog {
 public:
  using Clock = std::chrono::steady_clock;
  StepLog(util::ProgressSink& sink, util::Digest task, LogLimits limits, Clock::time_point start = Clock::now())
      : sink_(sink), task_(std::move(task)), limits_(limits), start_(start) {}
  void write(int stream, std::string_view data, Clock::time_point now = Clock::now());
  /// The last lines printed, at most 10, clipped ones too.
  std::vector<std::string> tail() const;

 private:
  void remember(std::string_view data);
  void emit(int stream, std::string_view data);

  util::ProgressSink& sink_;
  util::Digest task_;
  LogLimits limits_;
  Clock::time_point start_;
  std::int64_t printed_ = 0;
  bool clipping_ = false;
  std::deque<std::string> lines_;  // complete ones
  std::string last_;               // the line that has no end yet
};

}  // namespace ops
