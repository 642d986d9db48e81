#include "executor/init_process.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>

#include "executor/plan_codec.h"
#include "executor/seccomp.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/text.h"

namespace executor {
namespace {

constexpr const char* kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct LimitName {
  const char* name;
  int resource;
};
constexpr LimitName kLimits[] = {
    {"as", RLIMIT_AS},           {"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},       {"fsize", RLIMIT_FSIZE},       {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},   {"nproc", RLIMIT_NPROC},       {"rss", RLIMIT_RSS},
    {"rtprio", RLIMIT_RTPRIO},   {"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK}};

void set_limit(const ResourceLimits::Ulimit& limit) {
  for (const LimitName& known : kLimits) {
    if (limit.name != known.name) continue;
    struct rlimit value = {};
    value.rlim_cur = limit.soft < 0 ? RLIM_INFINITY : static_cast<rlim_t>(limit.soft);
    value.rlim_max = limit.hard < 0 ? RLIM_INFINITY : static_cast<rlim_t>(limit.hard);
    auto resource = static_cast<__rlimit_resource>(known.resource);
    if (setrlimit(resource, &value) == 0) return;
    int code = errno;
    struct rlimit own = {};
    getrlimit(resource, &own);
    util::SystemError error(
        "set the limit `" + limit.name + "` to " + std::to_string(limit.soft) + ":" + std::to_string(limit.hard), code);
    if (code == EPERM) {
      std::string most = own.rlim_max == RLIM_INFINITY ? "unlimited" : std::to_string(own.rlim_max);
      error.set_hint("more than the hard limit of this process (" + most +
                     ") needs CAP_SYS_RESOURCE; raise it before the build starts");
    }
    throw error;
  }
  throw util::Error("set the limit `" + limit.name + "`: no such limit",
                    "known are nofile, nproc, core, memlock, stack and the others of setrlimit(2)");
}

const std::string* find_variable(const std::vector<std::string>& env, std::string_view name) {
  const std::string* found = nullptr;
  for (const std::string& entry : env) {
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') found = &entry;
  }
  return found;
}

std::string value_or(const std::vector<std::string>& env, std::string_view name, std::string_view fallback) {
  const std::string* entry = find_variable(env, name);
  return entry == nullptr ? std::string(fallback) : entry->substr(name.size() + 1);
}

/// 0 when `path` is a file that this user may execute, else the errno of the attempt.
int check_executable(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return errno;
  if (S_ISDIR(info.st_mode)) return EISDIR;
  if ((info.st_mode & 0111) == 0) return EACCES;
  return faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

/// Only returns when it could not be done: with the errno, 0 for "not in PATH".
int execute(const ProcessSpec& process) {
  std::vector<char*> arguments, environment;
  auto text = [](const std::string& s) { return const_cast<char*>(s.c_str()); };  // NOLINT: what execve asks for
  for (const std::string& argument : process.args) arguments.push_back(text(argument));
  for (const std::string& variable : process.env) environment.push_back(text(variable));
  arguments.push_back(nullptr);
  environment.push_back(nullptr);
  const std::string& command = process.args.front();
  if (command.find('/') != std::string::npos) {
    int error = check_executable(command);
    if (error != 0) return error;
    execve(command.c_str(), arguments.data(), environment.data());
    return errno;
  }
  int refusal = 0;
  for (const std::string& directory : util::split(value_or(process.env, "PATH", kDefaultPath), ':')) {
    std::string path = (directory.empty() ? "." : directory) + "/" + command;
    int error = check_executable(path);
    if (error == 0) {
      execve(path.c_str(), arguments.data(), environment.data());
      return errno;
    }
    if (error == EACCES) refusal = error;
  }
  return refusal;
}

void redirect(const ProcessStart& start) {
  util::Fd null = util::open_file("/dev/null", O_RDONLY);
  if (dup2(null.get(), 0) < 0 || dup2(start.output, 1) < 0 || dup2(start.error, 2) < 0)
    util::throw_errno("redirect the output");
}

void reset_signals() {
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

void enter_working_directory(const ProcessSpec& process, const UserIds& user) {
  if (chdir(process.cwd.c_str()) == 0) return;
  if (errno == ENOENT) {
    // A mount covers the place where it was made.
    util::Fd root = util::open_file("/", O_PATH | O_DIRECTORY);
    make_working_directory(root.get(), process.cwd, user);
    if (chdir(process.cwd.c_str()) == 0) return;
  }
  util::throw_errno("enter the working directory `" + process.cwd + "`");
}

/// In the child. The order matters: what needs privilege comes before it is given up, and the filter is the first that
/// needs it.
[[noreturn]] void become_process(const ProcessStart& start) {
  ProcessSpec process = start.plan->process;
  reset_signals();
  setsid();
  redirect(start);
  umask(022);
  for (const ResourceLimits::Ulimit& limit : process.limits.ulimits) set_limit(limit);
  // Keys of whoever builds are not the step's; where keyrings are not allowed there is none to hide.
  syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, nullptr, 0, 0, 0);
  if (value_or(process.env, "HOME", "").empty()) {
    std::erase(process.env, "HOME=");
    process.env.push_back("HOME=" + start.user.home);
  }
  enter_working_directory(process, start.user);
  if (!start.plan->seccomp.empty()) load_seccomp_filter(start.plan->seccomp);
  become_user(start.user, process.insecure ? ~Capabilities{0} : default_capabilities(), process.insecure);
  CommandProblem problem = describe_command_problem(process.args.front(), execute(process));
  std::string line = problem.message + "\n";
  (void)!write(2, line.data(), line.size());
  _exit(problem.code);
}

}  // namespace

CommandProblem describe_command_problem(const std::string& command, int error) {
  std::string name = "exec: " + util::quote(command) + ": ";
  bool has_slash = command.find('/') != std::string::npos;
  switch (error) {
    case 0:
      return {127, name + "executable file not found in $PATH"};
    case ENOENT:
    case ENOTDIR:
      if (has_slash && error == ENOENT) {
        return {127, name + "no such file or directory (the file, or the interpreter or loader that it names)"};
      }
      return {127, name + util::to_lower(strerror(error))};
    case ENOEXEC:
      return {126, name + "exec format error (made for another processor architecture, or a script without `#!` line)"};
    default:
      return {126, name + util::to_lower(strerror(error))};
  }
}

void make_working_directory(int root_fd, const std::string& path, const UserIds& user) {
  util::with_context("make the working directory `" + path + "`", [&] {
    std::deque<std::string> rest;
    for (std::string& part : util::split(util::clean_relative(path), '/')) rest.push_back(std::move(part));
    std::string done = "/";
    for (int links = 0; !rest.empty();) {
      std::string name = rest.front();
      rest.pop_front();
      if (name.empty() || name == ".") continue;
      util::Fd parent = util::open_in_root(root_fd, done, O_PATH | O_DIRECTORY);
      if (name == "..") {
        done = "/" + util::clean_relative(done + "/..");
        continue;
      }
      std::optional<util::FileStat> found = util::find_stat_at(parent.get(), name);
      if (found && found->type == util::FileType::symlink) {
        if (++links > 40) throw util::SystemError("follow its links", ELOOP);
        std::string text = util::read_link_at(parent.get(), name);
        if (text.starts_with('/')) done = "/";
        std::vector<std::string> parts = util::split(text, '/');
        rest.insert(rest.begin(), parts.begin(), parts.end());
        continue;
      }
      if (!found) {
        if (mkdirat(parent.get(), name.c_str(), 0755) != 0) util::throw_errno("make `" + name + "`");
        if (fchownat(parent.get(), name.c_str(), user.uid, user.gid, AT_SYMLINK_NOFOLLOW) != 0)
          util::throw_errno("set the owner of `" + name + "`");
      }
      done = "/" + util::clean_relative(done + "/" + name);
    }
  });
}

namespace {

struct Child {
  const ProcessStart* start;
  int problems;
};

/// Entry of the child, on its own stack in the memory of the init.
int child_main(void* argument) {
  const Child& child = *static_cast<const Child*>(argument);
  InitReport report;
  try {
    become_process(*child.start);
  } catch (const util::Error& error) {
    report.error = error.message();
    report.hint = error.hint();
  } catch (const std::exception& error) {
    report.error = error.what();
  }
  std::string bytes = encode_report(report);
  (void)!write(child.problems, bytes.data(), bytes.size());
  _exit(125);
}

}  // namespace

pid_t start_process(const ProcessStart& start) {
  if (start.plan->process.args.empty()) throw util::Error("run in a sandbox: no command is given");
  util::Pipe problems = util::Pipe::open();
  // Shares memory until it execs, while the init waits (as vfork): nothing of the page tables is copied just to be
  // thrown away. The init has no other threads, and the child gets a stack of its own, so it may do what it likes.
  std::vector<char> stack(256 * 1024);
  Child child{&start, problems.write.get()};
  auto top = reinterpret_cast<std::uintptr_t>(stack.data() + stack.size()) & ~std::uintptr_t{63};
  pid_t pid = clone(child_main, reinterpret_cast<void*>(top), CLONE_VM | CLONE_VFORK | SIGCHLD, &child);
  if (pid < 0) util::throw_errno("start a process");
  problems.write.reset();
  std::string said = util::read_to_end(problems.read.get(), 1u << 20);
  if (said.empty()) return pid;
  std::optional<InitReport> report = decode_report(said);
  throw report ? util::Error(report->error, report->hint) : util::Error("start a process: it died at once");
}

}  // namespace executor
