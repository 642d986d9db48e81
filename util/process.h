#pragma once

#include <sys/types.h>

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "util/fd.h"

namespace util {

/// How a process ended: exit code, or the signal that killed it.
struct ExitStatus {
  int code = 0;
  int signal = 0;      ///< 0 = ended by itself
  bool success() const { return code == 0 && signal == 0; }
  /// The shell's number: code, or 128 + signal.
  int shell_code() const { return signal != 0 ? 128 + signal : code; }
  static ExitStatus from_wait(int wait_status);
};

struct CaptureResult {
  ExitStatus status;
  std::string output;
  std::string error;
};

struct CommandOptions {
  std::vector<std::string> arguments;                    ///< [0] is looked up in PATH
  std::optional<std::vector<std::string>> environment;   ///< "K=V"; nullopt = inherited
  std::string working_directory;                         ///< empty = inherited
  std::string input;                                     ///< standard input
  int input_fd = -1;                                     ///< standard input instead of `input`; borrowed
};

/// Runs a program to its end and captures both outputs (tools such as git, newuidmap, credential
/// helpers). On `stop` the process is killed and Cancelled is thrown. Throws Error when it cannot start.
CaptureResult run_command(const CommandOptions& options, std::stop_token stop = {});

}  // namespace util
