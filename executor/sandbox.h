#pragma once

#include <filesystem>
#include <memory>

#include "executor/executor.h"

namespace executor {

/// argv[0] with which the program re-executes itself as the sandbox's init.
inline constexpr const char* kInitName = "builder-sandbox-init";
/// First thing in main: when re-executed as the sandbox's init (argv[0] is kInitName), runs it and never returns.
int init_main(int argc, char** argv);

/// The real executor (docs/sandbox.md): new mount, pid, ipc, uts, cgroup and, as asked, net namespaces; the program re-executes
/// itself as pid 1, which makes the mounts, pivots, drops capabilities, installs the seccomp filter, runs the process, reaps. Everything
/// dies with it, and it dies with its parent.
class SandboxExecutor final : public Executor {
 public:
  /// `temporary`: where hosts, resolv.conf and mount points are made.
  explicit SandboxExecutor(std::filesystem::path temporary);
  ~SandboxExecutor() override;
  RunOutcome run(const ProcessSpec& process, const MountPlan& mounts, const ProcessIo& io, std::stop_token stop) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace executor
