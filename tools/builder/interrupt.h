#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace builder {

/// Turns SIGINT, SIGTERM and SIGHUP into a stop request. Make it before any other thread: they inherit the blocked signals, so that only
/// this object's thread receives them. A second signal ends the process at once (what runs in sandboxes dies with it).
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  std::stop_token token() const { return stop_.get_token(); }
  /// The signal that came; 0 = none.
  int signal() const { return signal_; }

 private:
  void wait(std::stop_token own);

  std::stop_source stop_;
  std::atomic<int> signal_{0};
  std::jthread thread_;
};

}  // namespace builder
