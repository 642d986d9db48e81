#include "executor/sandbox.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "executor/cgroup.h"
#include "executor/init.h"
#include "executor/launcher.h"
#include "executor/network_files.h"
#include "executor/plan_codec.h"
#include "executor/seccomp.h"
#include "executor/socket_relay.h"
#include "executor/user_namespace.h"
#include "util/error.h"
#include "util/stats.h"
#include "util/sync.h"
#include "util/temp.h"

namespace executor {
namespace {

using Clock = std::chrono::steady_clock;

/// How long an init may take to end its sandbox in order once it was told to.
constexpr std::chrono::milliseconds kGrace{2000};

util::Fd memory_file(std::string_view content) {
  util::Fd fd(memfd_create("sandbox-plan", MFD_CLOEXEC));
  if (!fd) util::throw_errno("hand over the sandbox's plan");
  util::write_all(fd.get(), content);
  if (lseek(fd.get(), 0, SEEK_SET) < 0) util::throw_errno("hand over the sandbox's plan");
  return fd;
}

/// A descriptor that becomes readable when the token is triggered.
class StopEvent {
 public:
  explicit StopEvent(std::stop_token stop)
      : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), callback_(std::move(stop), Signal{fd_.get()}) {
    if (!fd_) util::throw_errno("wait for a sandbox");
  }
  int fd() const { return fd_.get(); }

 private:
  struct Signal {
    int fd;
    void operator()() const noexcept {
      std::uint64_t one = 1;
      (void)!write(fd, &one, sizeof one);
    }
  };
  util::Fd fd_;
  std::stop_callback<Signal> callback_;
};

/// A running init, from the outside. Destroying it ends the sandbox.
class RunningSandbox {
 public:
  RunningSandbox(Launcher& launcher, std::uint64_t namespaces, std::string_view plan,
                 const std::vector<util::Fd>& cgroups);
  ~RunningSandbox() { kill_and_wait(); }
  RunningSandbox(const RunningSandbox&) = delete;
  RunningSandbox& operator=(const RunningSandbox&) = delete;

  /// Passes the output on until the init has ended; false when it was stopped.
  bool pump(const ProcessIo& io, int stop_event);
  /// What the init said; after `pump`.
  std::optional<InitReport> report();

 private:
  bool forward(util::Fd& from, int stream, const ProcessIo& io);
  void drain(util::Fd& from, int stream, const ProcessIo& io);
  void kill_and_wait() noexcept;

  util::Fd pidfd_;
  util::Fd life_, output_, error_, report_;
  std::vector<char> buffer_ = std::vector<char>(65536);
  bool ended_ = false;
};

RunningSandbox::RunningSandbox(Launcher& launcher, std::uint64_t namespaces, std::string_view plan,
                               const std::vector<util::Fd>& cgroups) {
  util::Fd plan_file = memory_file(plan);
  util::Pipe output = util::Pipe::open(), error = util::Pipe::open(), report = util::Pipe::open(),
             life = util::Pipe::open();
  std::vector<int> given = {plan_file.get(), output.write.get(), error.write.get(), report.write.get(),
                            life.read.get()};
  for (const util::Fd& cgroup : cgroups) given.push_back(cgroup.get());
  pidfd_ = launcher.launch(namespaces, given);
  output_ = std::move(output.read);
  error_ = std::move(error.read);
  report_ = std::move(report.read);
  life_ = std::move(life.write);
  for (const util::Fd* fd : {&output_, &error_, &report_}) {
    if (fcntl(fd->get(), F_SETFL, O_NONBLOCK) != 0) util::throw_errno("read from a sandbox");
  }
}

/// One read; false at the end or when there is nothing now.
bool RunningSandbox::forward(util::Fd& from, int stream, const ProcessIo& io) {
  ssize_t length = read(from.get(), buffer_.data(), buffer_.size());
  if (length < 0) return errno == EINTR;
  if (length == 0) {
    from.reset();
    return false;
  }
  if (io.output) io.output(stream, std::string_view(buffer_.data(), static_cast<std::size_t>(length)));
  return true;
}

void RunningSandbox::drain(util::Fd& from, int stream, const ProcessIo& io) {
  while (from && forward(from, stream, io)) {
  }
}

bool RunningSandbox::pump(const ProcessIo& io, int stop_event) {
  bool stopped = false;
  Clock::time_point deadline{};
  while (!ended_) {
    struct pollfd events[4] = {{pidfd_.get(), POLLIN, 0},
                               {output_.get(), POLLIN, 0},
                               {error_.get(), POLLIN, 0},
                               {stopped ? -1 : stop_event, POLLIN, 0}};
    int timeout = -1;
    if (stopped) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (left <= 0) {
        kill_and_wait();
        break;
      }
      timeout = static_cast<int>(left);
    }
    if (poll(events, 4, timeout) < 0 && errno != EINTR) util::throw_errno("wait for a sandbox");
    if (events[1].revents != 0) forward(output_, 1, io);
    if (events[2].revents != 0) forward(error_, 2, io);
    if (events[3].revents != 0) {
      stopped = true;
      deadline = Clock::now() + kGrace;
      life_.reset();
    }
    ended_ = (events[0].revents & POLLIN) != 0;
  }
  // All writers are gone; what they wrote is still in the pipes.
  drain(output_, 1, io);
  drain(error_, 2, io);
  return !stopped;
}

std::optional<InitReport> RunningSandbox::report() {
  std::string said;
  for (;;) {
    ssize_t length = read(report_.get(), buffer_.data(), buffer_.size());
    if (length < 0 && errno == EINTR) continue;
    if (length <= 0) return decode_report(said);
    said.append(buffer_.data(), static_cast<std::size_t>(length));
  }
}

void RunningSandbox::kill_and_wait() noexcept {
  if (!pidfd_ || ended_) return;
  syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
  struct pollfd event = {pidfd_.get(), POLLIN, 0};
  while (poll(&event, 1, -1) < 0 && errno == EINTR) {
  }
  ended_ = true;
}

}  // namespace

struct SandboxExecutor::State {
  explicit State(std::filesystem::path where) : temporary(std::move(where)) {}
  void make_directories() {
    directory.emplace(temporary, "sandbox-");
    std::filesystem::create_directory(staging());
    std::filesystem::create_directory(sockets());
  }
  /// Covered by mounts in each sandbox's own namespace, so one will do for all.
  std::filesystem::path staging() const { return directory->path() / "root"; }
  std::filesystem::path sockets() const { return directory->path() / "sockets"; }

  /// Found and made at the first run: a build without RUN needs none of it.
  struct Lazy {
    bool ready = false;
    HostFacts facts;
    std::string filter;
    Launcher launcher;
  };
  std::filesystem::path temporary;
  std::optional<util::TempDir> directory;  ///< made under the lock of `lazy`, constant once that is ready
  util::Sync<Lazy> lazy;
  std::atomic<std::uint64_t> runs = 0;
};

SandboxExecutor::SandboxExecutor(std::filesystem::path temporary) : state_(std::make_unique<State>(std::move(temporary))) {}
SandboxExecutor::~SandboxExecutor() = default;

void SandboxExecutor::prepare() {
  if (!privilege().problem.empty()) throw util::Error("run in a sandbox: " + privilege().problem, privilege().hint);
  auto lazy = state_->lazy.lock();
  if (lazy->ready) return;
  lazy->launcher.start();  // which goes on by itself while this thread does the rest
  state_->make_directories();
  lazy->facts = find_host_facts();
  lazy->filter = make_seccomp_filter(default_capabilities());
  lazy->ready = true;
}

RunOutcome SandboxExecutor::run(const ProcessSpec& process, const MountPlan& mounts, const ProcessIo& io,
                                std::stop_token stop) {
  if (stop.stop_requested()) throw util::Cancelled();
  prepare();
  std::string name = "builder-" + std::to_string(getpid()) + "-" + std::to_string(state_->runs++);

  MountPlan completed = mounts;
  std::vector<std::unique_ptr<SocketRelay>> relays;
  for (MountPlan::Socket& socket : completed.sockets) {
    relays.push_back(
        std::make_unique<SocketRelay>(socket, state_->sockets(), name + "-" + std::to_string(relays.size())));
    socket.source = relays.back()->path();
  }
  std::optional<StepCgroup> cgroup;
  if (process.limits.any_cgroup() || !process.limits.cgroup_parent.empty()) cgroup.emplace(process.limits, name);

  HostFacts facts = state_->lazy.lock()->facts;
  SandboxPlan plan = complete_plan(process, completed, facts, make_hosts(process.hostname, process.extra_hosts),
                                   make_resolv_conf(read_host_resolv_conf(process.network), process.network));
  plan.staging = state_->staging();
  if (!process.insecure) plan.seccomp = state_->lazy.lock()->filter;
  std::uint64_t namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
  if (process.network == NetworkMode::none) namespaces |= CLONE_NEWNET;
  static util::Counter& mounted = util::counter("mounts");
  mounted.add(static_cast<std::int64_t>(plan.root.size() + plan.steps.size()));
  std::string encoded = encode_plan(plan);
  std::vector<util::Fd> cgroup_files;
  if (cgroup) cgroup_files = cgroup->open_process_files();

  StopEvent stop_event(stop);
  std::optional<RunningSandbox> sandbox;
  {
    auto lazy = state_->lazy.lock();
    sandbox.emplace(lazy->launcher, namespaces, encoded, cgroup_files);
  }
  bool finished = sandbox->pump(io, stop_event.fd());
  if (!finished) throw util::Cancelled();
  std::optional<InitReport> report = sandbox->report();
  RunOutcome outcome;
  outcome.out_of_memory = cgroup && cgroup->out_of_memory();
  if (report && report->status) {
    outcome.status = *report->status;
    return outcome;
  }
  if (report) throw util::Error("run in a sandbox: " + report->error, report->hint);
  if (!outcome.out_of_memory)
    throw util::Error("run in a sandbox: its init was killed", "was the machine short of memory? `dmesg` may tell");
  outcome.status.signal = SIGKILL;
  return outcome;
}

}  // namespace executor
