#include "tools/builder/interrupt.h"

#include <csignal>
#include <ctime>
#include <pthread.h>
#include <unistd.h>

namespace builder {
namespace {

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

/// Only wakes the waiting thread at the end.
constexpr int kWake = SIGUSR1;

}  // namespace

Interrupt::Interrupt() {
  sigset_t set = handled_signals();
  sigaddset(&set, kWake);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  thread_ = std::jthread([this](std::stop_token own) { wait(own); });
}

Interrupt::~Interrupt() {
  thread_.request_stop();
  pthread_kill(thread_.native_handle(), kWake);
}

void Interrupt::wait(std::stop_token own) {
  sigset_t set = handled_signals();
  sigaddset(&set, kWake);
  for (;;) {
    int number = 0;
    if (sigwait(&set, &number) != 0) continue;
    if (own.stop_requested()) return;
    if (number == kWake) continue;
    if (signal_ != 0) _exit(128 + number);
    signal_ = number;
    stop_.request_stop();
  }
}

}  // namespace builder
