#include "tools/images/prompt.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <iostream>

#include "util/error.h"
#include "util/scope_exit.h"

namespace builder {
namespace {

constexpr int kLookAtStop = 100;  // milliseconds

/// One byte of the terminal's line; nullopt at the end.
std::optional<char> read_byte(const std::stop_token& stop) {
  for (;;) {
    if (stop.stop_requested()) throw util::Cancelled();
    pollfd input = {STDIN_FILENO, POLLIN, 0};
    if (::poll(&input, 1, kLookAtStop) <= 0) continue;
    char byte = 0;
    const ssize_t count = ::read(STDIN_FILENO, &byte, 1);
    if (count == 1) return byte;
    if (count == 0) return std::nullopt;
    if (errno != EINTR && errno != EAGAIN) util::throw_errno("read from the terminal");
  }
}

}  // namespace

bool can_prompt() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDOUT_FILENO) == 1; }

std::optional<std::string> prompt(const std::string& question, bool hidden, std::stop_token stop) {
  termios before = {};
  const bool changed = hidden && ::tcgetattr(STDIN_FILENO, &before) == 0;
  if (changed) {
    termios silent = before;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &silent);
  }
  const util::ScopeExit restore([&] {
    if (!changed) return;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before);
    std::cout << std::endl;
  });
  std::cout << question << std::flush;
  std::string line;
  for (;;) {
    const std::optional<char> byte = read_byte(stop);
    if (!byte && line.empty()) return std::nullopt;
    if (!byte || *byte == '\n') return line;
    line += *byte;
  }
}

}  // namespace builder
