#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "executor/credentials.h"
#include "executor/mount_plan.h"
#include "util/fd.h"

namespace executor {

/// The process of a step, as the init starts it.
struct ProcessStart {
  const SandboxPlan* plan = nullptr;
  UserIds user;
  int output = -1, error = -1;  ///< borrowed
};

/// Forks it: limits, filter, user, capabilities, working directory, exec. Returns when it has been exec'ed, or has said
/// on its error stream that there is no such command and ended with 127 or 126. Throws util::Error for anything else.
/// Runs in the init, after `enter`.
pid_t start_process(const ProcessStart& start);

/// Makes `path` (0755, owned by the user, links followed inside the root) with its parents when missing.
void make_working_directory(int root_fd, const std::string& path, const UserIds& user);

/// Why a command cannot be run, as a shell would tell.
struct CommandProblem {
  int code = 127;
  std::string message;
};
/// The words for a command that `execve` refused with `error`, or that was not found in PATH (`error` = 0).
CommandProblem describe_command_problem(const std::string& command, int error);

}  // namespace executor
