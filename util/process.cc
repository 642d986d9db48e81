#include "util/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string_view>

#include "util/error.h"
#include "util/text.h"

namespace util {
namespace {

using Clock = std::chrono::steady_clock;

/// More output than any tool we run has to say.
constexpr std::size_t kMaxOutput = std::size_t{256} << 20;
/// Background processes may keep the outputs open after the end of the command; so long do we wait for them.
constexpr auto kDrainTime = std::chrono::milliseconds(200);
/// How often the end is asked for where the kernel has no pidfd.
constexpr int kPollWithoutPidfd = 20;

/// A pipe whose ends are no standard descriptors, which the spawned process would overwrite while it sets them up.
Pipe open_high_pipe() {
  Pipe pipe = Pipe::open();
  for (Fd* end : {&pipe.read, &pipe.write}) {
    if (end->get() > 2) continue;
    int moved = ::fcntl(end->get(), F_DUPFD_CLOEXEC, 3);
    if (moved < 0) throw_errno("duplicate file descriptor");
    *end = Fd(moved);
  }
  return pipe;
}

void set_nonblocking(const Fd& fd) {
  if (::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK) < 0) throw_errno("set up pipe");
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

/// Keeps SIGPIPE from the calling thread: a library may not change what the process does with signals.
class SigpipeGuard {
 public:
  SigpipeGuard() {
    sigset_t pending;
    ::sigpending(&pending);
    was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
    ::sigemptyset(&pipe_);
    ::sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  SigpipeGuard(const SigpipeGuard&) = delete;
  ~SigpipeGuard() {
    int saved = errno;
    timespec none{};
    if (!was_pending_) ::sigtimedwait(&pipe_, nullptr, &none);
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = saved;
  }

 private:
  sigset_t pipe_;
  sigset_t before_;
  bool was_pending_;
};

/// Whether a directory of PATH has a file of that name, as far as we may look.
bool is_in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  for (const std::string& directory : split(path != nullptr ? path : "/bin:/usr/bin", ':')) {
    std::string file = (directory.empty() ? "." : directory) + "/" + program;
    if (::access(file.c_str(), F_OK) == 0) return true;
  }
  return false;
}

struct SpawnSettings {
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

/// One command from start to end.
class Command {
 public:
  explicit Command(const CommandOptions& options) : options_(options), unwritten_(options.input) {}
  Command(const Command&) = delete;
  ~Command() { kill_and_reap(); }

  CaptureResult run(std::stop_token stop) {
    if (stop.stop_requested()) throw Cancelled();
    stop_event_ = Fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!stop_event_) throw_errno("make event descriptor");
    std::stop_callback on_stop(stop, [fd = stop_event_.get()] { ::eventfd_write(fd, 1); });
    start();
    while (!finished()) {
      wait_for_event();
      if (stop.stop_requested()) {
        kill_and_reap();
        throw Cancelled();
      }
    }
    reap();
    return std::move(result_);
  }

 private:
  std::string name() const { return options_.arguments[0]; }

  void start() {
    Pipe input;
    Pipe output = open_high_pipe();
    Pipe error = open_high_pipe();
    SpawnSettings settings;
    if (options_.input_fd >= 0) {
      ::posix_spawn_file_actions_adddup2(&settings.actions, options_.input_fd, 0);
    } else if (unwritten_.empty()) {
      ::posix_spawn_file_actions_addopen(&settings.actions, 0, "/dev/null", O_RDONLY, 0);
    } else {
      input = open_high_pipe();
      ::posix_spawn_file_actions_adddup2(&settings.actions, input.read.get(), 0);
      set_nonblocking(input.write);
    }
    ::posix_spawn_file_actions_adddup2(&settings.actions, output.write.get(), 1);
    ::posix_spawn_file_actions_adddup2(&settings.actions, error.write.get(), 2);
    // Whatever our own parent left open is none of the command's business either.
    ::posix_spawn_file_actions_addclosefrom_np(&settings.actions, 3);
    set_nonblocking(output.read);
    set_nonblocking(error.read);
    spawn(settings);
    pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    input_ = std::move(input.write);
    output_ = std::move(output.read);
    error_ = std::move(error.read);
  }

  void spawn(SpawnSettings& settings) {
    const std::string& directory = options_.working_directory;
    if (!directory.empty()) ::posix_spawn_file_actions_addchdir_np(&settings.actions, directory.c_str());
    sigset_t signals;
    ::sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&settings.attributes, &signals);
    ::sigfillset(&signals);
    ::posix_spawnattr_setsigdefault(&settings.attributes, &signals);
    // A session of its own: it can be killed with all its children, and nothing can stop to ask on our terminal.
    ::posix_spawnattr_setflags(&settings.attributes,
                               POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    std::vector<char*> arguments = pointers(options_.arguments);
    std::vector<char*> environment;
    if (options_.environment) environment = pointers(*options_.environment);
    int code = ::posix_spawnp(&pid_, arguments[0], &settings.actions, &settings.attributes, arguments.data(),
                              options_.environment ? environment.data() : environ);
    if (code == 0) return;
    pid_ = -1;
    struct stat status {};
    if (!directory.empty() && (::stat(directory.c_str(), &status) < 0 || !S_ISDIR(status.st_mode))) {
      throw SystemError(fmt::format("run `{}` in directory `{}`", name(), directory), code);
    }
    // An unreadable directory in PATH turns "not found" into "permission denied".
    if (code == EACCES && name().find('/') == std::string::npos && !is_in_path(name())) code = ENOENT;
    throw SystemError(fmt::format("run `{}`", name()), code);
  }

  bool finished() const { return ended_ && ((!output_ && !error_) || Clock::now() >= drain_until_); }

  int timeout() const {
    if (ended_) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(drain_until_ - Clock::now()).count();
      return static_cast<int>(std::max<std::int64_t>(0, left + 1));
    }
    return pidfd_ ? -1 : kPollWithoutPidfd;
  }

  void wait_for_event() {
    // poll passes over negative descriptors, so that every one has a fixed place.
    std::array<pollfd, 5> events = {{{stop_event_.get(), POLLIN, 0},
                                     {ended_ ? -1 : pidfd_.get(), POLLIN, 0},
                                     {output_.get(), POLLIN, 0},
                                     {error_.get(), POLLIN, 0},
                                     {input_.get(), POLLOUT, 0}}};
    int ready = ::poll(events.data(), events.size(), timeout());
    if (ready < 0 && errno != EINTR) throw_errno(fmt::format("wait for `{}`", name()));
    if (ready < 0) return;
    if (events[2].revents != 0) receive(output_, result_.output);
    if (events[3].revents != 0) receive(error_, result_.error);
    if (events[4].revents != 0) send();
    if (!ended_ && (events[1].revents != 0 || !pidfd_)) look_for_end();
  }

  /// Reads what is there; closes the descriptor at its end.
  void receive(Fd& from, std::string& into) {
    std::array<char, 65536> buffer;
    while (true) {
      ssize_t n = ::read(from.get(), buffer.data(), buffer.size());
      if (n > 0) {
        into.append(buffer.data(), static_cast<std::size_t>(n));
        if (into.size() > kMaxOutput) throw Error(fmt::format("run `{}`: too much output", name()));
        if (static_cast<std::size_t>(n) < buffer.size()) return;
        continue;
      }
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EAGAIN) return;
      from.reset();
      return;
    }
  }

  void send() {
    SigpipeGuard guard;
    ssize_t n = ::write(input_.get(), unwritten_.data(), unwritten_.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    // A program that does not read its input to the end is no error of ours.
    unwritten_.remove_prefix(n < 0 ? unwritten_.size() : static_cast<std::size_t>(n));
    if (unwritten_.empty()) input_.reset();
  }

  /// Takes note of the end, but does not reap yet: until it is reaped, its number names its session and nothing else.
  void look_for_end() {
    siginfo_t end{};
    int result;
    do {
      result = ::waitid(P_PID, static_cast<id_t>(pid_), &end, WEXITED | WNOWAIT | WNOHANG);
    } while (result < 0 && errno == EINTR);
    if (result < 0) throw_errno(fmt::format("wait for `{}`", name()));
    if (end.si_pid == 0) return;
    ended_ = true;
    drain_until_ = Clock::now() + kDrainTime;
    input_.reset();
  }

  void reap() {
    int status = 0;
    pid_t reaped;
    do {
      reaped = ::waitpid(pid_, &status, 0);
    } while (reaped < 0 && errno == EINTR);
    int code = errno;
    pid_ = -1;
    if (reaped < 0) throw SystemError(fmt::format("wait for `{}`", name()), code);
    result_.status = ExitStatus::from_wait(status);
  }

  /// With all its session, also where only children in the background are left of it. Only while it is not reaped:
  /// kill takes -1 for every process of the user.
  void kill_and_reap() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }

  const CommandOptions& options_;
  std::string_view unwritten_;
  pid_t pid_ = -1;  ///< -1 before the start and once it is reaped
  bool ended_ = false;
  Fd pidfd_;
  Fd stop_event_;
  Fd input_;
  Fd output_;
  Fd error_;
  Clock::time_point drain_until_;
  CaptureResult result_;
};

}  // namespace

ExitStatus ExitStatus::from_wait(int wait_status) {
  if (WIFSIGNALED(wait_status)) return {.code = 0, .signal = WTERMSIG(wait_status)};
  return {.code = WEXITSTATUS(wait_status), .signal = 0};
}

CaptureResult run_command(const CommandOptions& options, std::stop_token stop) {
  if (options.arguments.empty() || options.arguments[0].empty()) throw Error("run command: no program given");
  return Command(options).run(std::move(stop));
}

}  // namespace util
