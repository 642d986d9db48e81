#include "tools/progress/event_thread.h"

namespace progress {

EventThread::EventThread(std::function<void(util::ProgressEvent&&)> on_event, std::function<void()> on_tick,
                         std::chrono::milliseconds tick)
    : on_event_(std::move(on_event)), on_tick_(std::move(on_tick)), tick_(tick), thread_([this] { loop(); }) {}

void EventThread::post(util::ProgressEvent event) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(event));
  }
  changed_.notify_one();
}

void EventThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void EventThread::loop() {
  auto next_tick = std::chrono::steady_clock::now() + tick_;
  for (;;) {
    std::deque<util::ProgressEvent> batch;
    bool stopping = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait_until(lock, next_tick, [this] { return stopping_ || !queue_.empty(); });
      batch.swap(queue_);
      stopping = stopping_;
    }
    for (util::ProgressEvent& event : batch) on_event_(std::move(event));
    if (std::chrono::steady_clock::now() >= next_tick) {
      on_tick_();
      next_tick = std::chrono::steady_clock::now() + tick_;
    }
    if (stopping && batch.empty()) return;
  }
}

}  // namespace progress
