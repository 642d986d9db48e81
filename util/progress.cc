#include "util/progress.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <utility>

namespace util {
namespace {

/// Steps of the same name in one process are told apart by their number.
std::int64_t next_number() {
  static std::atomic<std::int64_t> last{0};
  return ++last;
}

}  // namespace

ProgressTask::ProgressTask(ProgressSink& sink, std::string name)
    : sink_(sink),
      id_(Hasher("progress-task/1").field("name", name).number("number", next_number()).finish()),
      uncaught_(std::uncaught_exceptions()) {
  sink_.emit(TaskStarted{.task = id_, .name = std::move(name), .inputs = {}, .time = now()});
}

ProgressTask::~ProgressTask() {
  if (!open_) return;
  try {
    if (std::uncaught_exceptions() > uncaught_) {
      fail("failed");
    } else {
      done();
    }
  } catch (...) {
    // A display that fails must not end the process; the step itself is over either way.
  }
}

void ProgressTask::bytes(const std::string& part, std::int64_t current, std::int64_t total, bool complete) {
  TimePoint time = now();
  TimePoint started;
  {
    std::lock_guard lock(mutex_);
    auto known = std::find_if(parts_.begin(), parts_.end(), [&](const auto& entry) { return entry.first == part; });
    started = known != parts_.end() ? known->second : parts_.emplace_back(part, time).second;
  }
  TaskBytes event{.task = id_, .id = part, .current = current, .total = total, .started = started, .completed = {}};
  if (complete) event.completed = time;
  sink_.emit(std::move(event));
}

void ProgressTask::log(std::string text, int stream) {
  sink_.emit(TaskLog{.task = id_, .stream = stream, .data = std::move(text), .time = now()});
}

void ProgressTask::done(bool cached) {
  if (!std::exchange(open_, false)) return;
  sink_.emit(TaskDone{.task = id_, .cached = cached, .canceled = false, .error = {}, .time = now()});
}

void ProgressTask::fail(const std::string& error) {
  if (!std::exchange(open_, false)) return;
  sink_.emit(TaskDone{.task = id_, .cached = false, .canceled = false, .error = error, .time = now()});
}

void ProgressTask::cancel() {
  if (!std::exchange(open_, false)) return;
  sink_.emit(TaskDone{.task = id_, .cached = false, .canceled = true, .error = {}, .time = now()});
}

}  // namespace util
