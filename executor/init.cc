#include "executor/init.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "executor/init_mounts.h"
#include "executor/init_process.h"
#include "executor/plan_codec.h"
#include "util/error.h"

namespace executor {
namespace {

void bring_loopback_up() {
  util::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return;  // a kernel without IPv4
  struct ifreq request = {};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  if (ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) util::throw_errno("set up the loopback network");
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) util::throw_errno("set up the loopback network");
}

void join_cgroups(std::vector<util::Fd>& cgroups) {
  for (util::Fd& processes : cgroups) util::write_all(processes.get(), "0\n");
  cgroups.clear();
  // After joining, so that the sandbox sees its own group as the top. Absent in old kernels: then it sees the path.
  (void)unshare(CLONE_NEWCGROUP);
}

void kill_everything() {
  // Everything of its own process namespace; anywhere else it would be everything of the user.
  if (getpid() != 1) return;
  kill(-1, SIGKILL);
  while (waitpid(-1, nullptr, __WALL) > 0 || errno == EINTR) {
  }
}

/// Reaps until the process ends; nullopt when the builder wants the end first.
std::optional<util::ExitStatus> wait_for(pid_t process, int child_events, int life) {
  struct pollfd events[2] = {{child_events, POLLIN, 0}, {life, POLLIN, 0}};
  for (;;) {
    for (;;) {
      int status = 0;
      pid_t ended = waitpid(-1, &status, WNOHANG | __WALL);
      if (ended == process) return util::ExitStatus::from_wait(status);
      if (ended <= 0) break;
    }
    if (poll(events, 2, -1) < 0) continue;
    if (events[1].revents != 0) return std::nullopt;
    struct signalfd_siginfo ignored;
    if (events[0].revents != 0) (void)!read(child_events, &ignored, sizeof ignored);
  }
}

void prepare(const SandboxPlan& plan, InitDescriptors& descriptors) {
  join_cgroups(descriptors.cgroups);
  const std::string& name = plan.process.hostname;
  if (!name.empty() && sethostname(name.data(), name.size()) != 0)
    util::throw_errno("set the host name `" + name + "`");
  if (plan.process.network == NetworkMode::none) bring_loopback_up();
}

InitReport run(InitDescriptors& descriptors) {
  SandboxPlan plan = decode_plan(util::read_to_end(descriptors.plan.get()));
  descriptors.plan.reset();
  sigset_t child_signal;
  sigemptyset(&child_signal);
  sigaddset(&child_signal, SIGCHLD);
  sigprocmask(SIG_SETMASK, &child_signal, nullptr);
  util::Fd child_events(signalfd(-1, &child_signal, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!child_events) util::throw_errno("wait for processes");

  prepare(plan, descriptors);
  SandboxRoot root(plan);
  ProcessStart start;
  start.plan = &plan;
  start.output = descriptors.output.get();
  start.error = descriptors.error.get();
  InitReport report;
  try {
    start.user = find_user_in_root(plan.process.user, root.fd());
    make_working_directory(root.fd(), plan.process.cwd, start.user);
    root.add_mounts();
    root.enter();
    pid_t process = start_process(start);
    report.status = wait_for(process, child_events.get(), descriptors.life.get());
    kill_everything();
  } catch (...) {
    kill_everything();
    root.remove_mount_points();
    throw;
  }
  root.remove_mount_points();
  return report;
}

}  // namespace

void run_init(InitDescriptors descriptors) {
  // The init goes when the server goes; the `life` pipe tells about the builder itself.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGCHLD, SIG_DFL);
  umask(0);
  InitReport report;
  try {
    report = run(descriptors);
  } catch (const util::Error& error) {
    report = {std::nullopt, error.message(), error.hint()};
  } catch (const std::exception& error) {
    report = {std::nullopt, error.what(), {}};
  }
  try {
    util::write_all(descriptors.report.get(), encode_report(report));
  } catch (const std::exception&) {
    // Nobody is there to hear it.
  }
  _exit(0);
}

}  // namespace executor
