#pragma once

#include <filesystem>
#include <memory>

#include "executor/executor.h"

namespace executor {

/// argv[0] with which the program re-executes itself as the sandbox's init.
inline constexpr const char* kInitName = "builder-sandbox-init";
/// First thing in main: when re-executed as the sandbox's init (argv[0] is kInitName), runs it and never returns.
int init_main(int argc, char** argv);

/// The real executor (docs/sandbox.md): new mount, pid, ipc, uts, cgroup and, as asked, net namespaces. The program
/// re-executes itself once as a server that forks an init for each run; that is pid 1, makes the mounts, pivots, runs
/// the process (which drops capabilities and installs the seccomp filter), reaps. Everything inside dies with it, and
/// it dies with the builder.
class SandboxExecutor final : public Executor {
 public:
  /// `temporary`: an existing directory, for mount points and sockets.
  explicit SandboxExecutor(std::filesystem::path temporary);
  ~SandboxExecutor() override;
  /// Starts what the first run needs, so that it does not wait for it; not necessary. Throws util::Error as `run` does.
  void prepare();
  RunOutcome run(const ProcessSpec& process, const MountPlan& mounts, const ProcessIo& io,
                 std::stop_token stop) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace executor
