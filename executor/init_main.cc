#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "executor/init.h"
#include "executor/launcher.h"
#include "executor/sandbox.h"
#include "util/error.h"

namespace executor {
namespace {

constexpr std::size_t kFixedDescriptors = 5;

/// fork into new namespaces, with a descriptor of the child.
pid_t clone_into(std::uint64_t namespaces, int* pidfd) {
  unsigned long flags = namespaces | CLONE_PIDFD | SIGCHLD;
#if defined(__s390x__)
  return static_cast<pid_t>(syscall(SYS_clone, nullptr, flags, pidfd, nullptr, nullptr));
#else
  return static_cast<pid_t>(syscall(SYS_clone, flags, nullptr, pidfd, nullptr, nullptr));
#endif
}

InitDescriptors sort_out(std::vector<util::Fd> received) {
  InitDescriptors result;
  result.plan = std::move(received[0]);
  result.output = std::move(received[1]);
  result.error = std::move(received[2]);
  result.report = std::move(received[3]);
  result.life = std::move(received[4]);
  for (std::size_t i = kFixedDescriptors; i < received.size(); ++i) result.cgroups.push_back(std::move(received[i]));
  return result;
}

/// True to go on.
bool serve_one() {
  LaunchRequest request;
  std::vector<util::Fd> received;
  if (!receive_packet(kServerSocket, &request, sizeof request, received)) return false;
  LaunchReply reply;
  if (received.size() < kFixedDescriptors) {
    reply.error = EINVAL;
    return send_packet(kServerSocket, &reply, sizeof reply, {});
  }
  int pidfd = -1;
  pid_t child = clone_into(request.namespaces, &pidfd);
  if (child == 0) {
    close(kServerSocket);
    run_init(sort_out(std::move(received)));
  }
  int error = errno;
  // Before the answer: when the builder sees the init's end, no one else holds the other ends of its pipes.
  received.clear();
  if (child < 0) {
    reply.error = error;
    return send_packet(kServerSocket, &reply, sizeof reply, {});
  }
  util::Fd owned(pidfd);
  return send_packet(kServerSocket, &reply, sizeof reply, std::span<const int>(&pidfd, 1));
}

}  // namespace

int init_main(int, char**) {
  if (fcntl(kServerSocket, F_GETFD) < 0) {
    std::fprintf(stderr, "%s is started by the builder itself\n", kInitName);
    return 2;
  }
  fcntl(kServerSocket, F_SETFD, FD_CLOEXEC);
  close_range(kServerSocket + 1, ~0u, 0);
  // Nothing in a sandbox may look into an init, which has the memory of this process and descriptors of the host.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  prctl(PR_SET_NAME, "sandbox-init", 0, 0, 0);
  signal(SIGCHLD, SIG_IGN);  // inits report through a pipe; nobody waits for them
  if (chdir("/") != 0) return 1;
  try {
    while (serve_one()) {
    }
  } catch (const util::Error& error) {
    std::fprintf(stderr, "sandbox server: %s\n", error.what());
    _exit(1);
  }
  _exit(0);
}

}  // namespace executor
