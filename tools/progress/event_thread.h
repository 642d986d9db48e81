#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "util/progress.h"

namespace progress {

/// A thread of its own that receives the events in order, so that producers never wait for a slow terminal. The
/// handler also gets called without an event every `tick`.
class EventThread {
 public:
  /// `on_event(event)`, `on_tick()` run on the thread; neither must throw.
  EventThread(std::function<void(util::ProgressEvent&&)> on_event, std::function<void()> on_tick,
              std::chrono::milliseconds tick);
  ~EventThread() { stop(); }
  void post(util::ProgressEvent event);
  /// Handles what is queued, then ends the thread. Idempotent.
  void stop();

 private:
  void loop();

  std::function<void(util::ProgressEvent&&)> on_event_;
  std::function<void()> on_tick_;
  std::chrono::milliseconds tick_;
  // A bare mutex: the condition variable needs it together with the queue.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<util::ProgressEvent> queue_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace progress
