#include "executor/user_namespace.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "executor/credentials.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/text.h"

namespace executor {
namespace {

Privilege found;
bool decided = false;

constexpr const char* kSubordinateHint =
    "to have them: install newuidmap and newgidmap (package `uidmap` or `shadow-utils`) and give this user ranges with "
    "`usermod "
    "--add-subuids 100000-165535 --add-subgids 100000-165535 NAME`";

std::optional<std::string> read_small(const std::string& path) {
  try {
    return util::read_file(path, 1u << 20);
  } catch (const util::Error&) {
    return std::nullopt;
  }
}

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value = 0;
  text = util::trim(text);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> read_number(const char* path) {
  std::optional<std::string> text = read_small(path);
  return text ? parse_number<std::int64_t>(*text) : std::nullopt;
}

void write_map(const std::string& path, const std::string& text) {
  util::Fd fd = util::open_file(path, O_WRONLY);
  util::write_all(fd.get(), text);
}

std::string user_name(uid_t uid) {
  char buffer[4096];
  struct passwd entry = {}, *result = nullptr;
  if (getpwuid_r(uid, &entry, buffer, sizeof buffer, &result) != 0 || result == nullptr) return std::to_string(uid);
  return entry.pw_name;
}

/// A child that waits outside the new namespace until it is there, then has its ids mapped. It must be made before, as
/// nothing inside has rights outside.
class Mapper {
 public:
  /// `work` runs in the child; what it throws is what `finish` returns.
  template <typename Work>
  explicit Mapper(Work work) : go_(util::Pipe::open()), said_(util::Pipe::open()) {
    child_ = fork();
    if (child_ < 0) util::throw_errno("start a process");
    if (child_ == 0) {
      go_.write.reset();
      char ready;
      std::string problem;
      if (read(go_.read.get(), &ready, 1) != 1) _exit(0);
      try {
        work(said_.write.get());
      } catch (const std::exception& error) {
        problem = error.what();
      }
      (void)!write(said_.write.get(), problem.data(), problem.size());
      _exit(problem.empty() ? 0 : 1);
    }
    go_.read.reset();
    said_.write.reset();
  }
  Mapper(const Mapper&) = delete;
  Mapper& operator=(const Mapper&) = delete;
  ~Mapper() {
    go_.write.reset();
    if (child_ > 0) waitpid(child_, nullptr, 0);
  }
  void go() { (void)!write(go_.write.get(), "x", 1); }
  /// Empty when it was done.
  std::string finish() {
    std::string said = util::read_to_end(said_.read.get(), 1u << 16);
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = -1;
    if (status == 0) return {};
    return said.empty() ? "it failed without a word" : std::string(util::trim(said));
  }

 private:
  util::Pipe go_, said_;
  pid_t child_ = -1;
};

/// Turns the calling child into newuidmap or newgidmap.
void run_map_tool(const char* tool, pid_t target, const std::vector<IdRange>& ranges, int said) {
  std::vector<std::string> words = {tool, std::to_string(target)};
  for (const IdRange& range : ranges) {
    for (std::uint32_t number : {range.inside, range.outside, range.count}) words.push_back(std::to_string(number));
  }
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  dup2(said, 2);
  execvp(tool, arguments.data());
  throw util::SystemError(std::string("run `") + tool + "`", errno);
}

/// The same ids inside as outside, for all there are.
std::string identity_map(const char* own_map) {
  std::string result;
  for (const std::string& line : util::split(util::read_file(own_map, 65536), '\n')) {
    std::vector<std::string> fields;
    for (std::string& field : util::split(line, ' ')) {
      if (!field.empty()) fields.push_back(std::move(field));
    }
    if (fields.size() == 3) result += fields[0] + " " + fields[0] + " " + fields[2] + "\n";
  }
  return result;
}

void map_own_id_only(uid_t uid, gid_t gid) {
  write_map("/proc/self/setgroups", "deny");
  write_map("/proc/self/uid_map", "0 " + std::to_string(uid) + " 1\n");
  write_map("/proc/self/gid_map", "0 " + std::to_string(gid) + " 1\n");
}

[[noreturn]] void throw_problem(std::string_view what, int error) {
  NamespaceProblem problem = explain_namespace_failure(what, error, find_namespace_facts());
  throw util::Error(problem.message, problem.hint);
}

void unshare_or_throw(int flags) {
  if (unshare(flags) != 0) throw_problem(flags == CLONE_NEWUSER ? "user namespaces" : "mount namespaces", errno);
}

void make_mounts_private() {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) throw_problem("mounts in a namespace", errno);
}

void become_root_inside() {
  if (setresgid(0, 0, 0) != 0 || setresuid(0, 0, 0) != 0) util::throw_errno("become root in a user namespace");
}

/// Returns what is less than it could be; empty when all is well.
std::string enter_as_user(uid_t uid, gid_t gid) {
  std::string name = user_name(uid);
  std::vector<IdRange> uids = id_ranges(read_small("/etc/subuid").value_or(""), name, uid, uid);
  std::vector<IdRange> gids = id_ranges(read_small("/etc/subgid").value_or(""), name, uid, gid);
  pid_t self = getpid();
  std::string lack;
  if (uids.size() > 1 && gids.size() > 1) {
    Mapper uid_mapper([&](int said) { run_map_tool("newuidmap", self, uids, said); });
    Mapper gid_mapper([&](int said) { run_map_tool("newgidmap", self, gids, said); });
    unshare_or_throw(CLONE_NEWUSER);
    uid_mapper.go();
    gid_mapper.go();
    std::string uid_problem = uid_mapper.finish(), gid_problem = gid_mapper.finish();
    if (uid_problem.empty() && gid_problem.empty()) {
      become_root_inside();
      return {};
    }
    if (uid_problem.empty() != gid_problem.empty()) {
      // Half a map cannot be taken back, nor can the namespace be left.
      throw util::Error("map the subordinate ids: " + uid_problem + gid_problem,
                        "is the tool installed with its privilege (setuid root)?");
    }
    lack = "mapping the subordinate ids was refused: " + uid_problem;
  } else {
    lack = "this user has no subordinate ids in /etc/subuid and /etc/subgid";
    unshare_or_throw(CLONE_NEWUSER);
  }
  map_own_id_only(uid, gid);
  become_root_inside();
  return "only one user id is available, so steps that change owners or users will fail: " + lack + "; " +
         kSubordinateHint;
}

/// Root of a container without CAP_SYS_ADMIN.
std::string enter_as_root() {
  pid_t self = getpid();
  Mapper mapper([self](int) {
    std::string directory = "/proc/" + std::to_string(self) + "/";
    write_map(directory + "uid_map", identity_map("/proc/self/uid_map"));
    write_map(directory + "gid_map", identity_map("/proc/self/gid_map"));
  });
  unshare_or_throw(CLONE_NEWUSER);
  mapper.go();
  std::string problem = mapper.finish();
  if (problem.empty()) return {};
  map_own_id_only(0, getegid());
  return "only one user id is available, so steps that change owners or users will fail: mapping the ids was "
         "refused: " +
         problem;
}

bool has_sys_admin() {
  return (permitted_capabilities() >> CAP_SYS_ADMIN & 1) != 0;
}

bool in_initial_user_namespace() {
  return identity_map("/proc/self/uid_map") == "0 0 4294967295\n";
}

void decide() {
  if (geteuid() == 0 && has_sys_admin()) {
    found.in_user_namespace = !in_initial_user_namespace();
    unshare_or_throw(CLONE_NEWNS);
    make_mounts_private();
    found.real_root = true;
    return;
  }
  found.warning = geteuid() == 0 ? enter_as_root() : enter_as_user(geteuid(), getegid());
  found.in_user_namespace = true;
  unshare_or_throw(CLONE_NEWNS);
  make_mounts_private();
}

}  // namespace

Privilege enter_user_namespace_if_needed() {
  if (decided) return found;
  decided = true;
  try {
    decide();
  } catch (const util::Error& error) {
    found.problem = error.message();
    found.hint = error.hint();
  } catch (const std::exception& error) {
    found.problem = error.what();
  }
  return found;
}

const Privilege& privilege() {
  return found;
}

std::vector<IdRange> id_ranges(std::string_view subordinate_file, std::string_view user_name, std::uint32_t uid,
                               std::uint32_t own_id) {
  std::vector<IdRange> ranges = {{0, own_id, 1}};
  std::string number = std::to_string(uid);
  std::uint32_t next = 1;
  for (const std::string& line : util::split(subordinate_file, '\n')) {
    std::vector<std::string> fields = util::split(util::trim(line), ':');
    if (fields.size() != 3 || (fields[0] != user_name && fields[0] != number)) continue;
    std::optional<std::uint32_t> start = parse_number<std::uint32_t>(fields[1]),
                                 count = parse_number<std::uint32_t>(fields[2]);
    if (!start || !count || *count == 0 || *count > 0xffffffffu - next || *start > 0xffffffffu - *count) continue;
    ranges.push_back({next, *start, *count});
    next += *count;
  }
  return ranges;
}

NamespaceFacts find_namespace_facts() {
  NamespaceFacts facts;
  facts.max_user_namespaces = read_number("/proc/sys/user/max_user_namespaces");
  facts.unprivileged_userns_clone = read_number("/proc/sys/kernel/unprivileged_userns_clone");
  facts.apparmor_restricts = read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
  std::string status = read_small("/proc/self/status").value_or("");
  facts.filtered = status.find("\nSeccomp:\t2") != std::string::npos;
  std::string mounts = read_small("/proc/self/mountinfo").value_or("");
  facts.chrooted = !mounts.empty();
  for (const std::string& line : util::split(mounts, '\n')) {
    std::vector<std::string> fields = util::split(line, ' ');
    if (fields.size() > 4 && fields[4] == "/") facts.chrooted = false;
  }
  return facts;
}

NamespaceProblem explain_namespace_failure(std::string_view what, int error, const NamespaceFacts& facts) {
  const std::string message = std::string(what) + " are not available: ";
  if (facts.max_user_namespaces == 0) {
    return {message + "`sysctl user.max_user_namespaces` is 0",
            "allow them with `sysctl -w user.max_user_namespaces=15000`, or build as root"};
  }
  if (facts.unprivileged_userns_clone == 0) {
    return {message + "`sysctl kernel.unprivileged_userns_clone` is 0",
            "allow them with `sysctl -w kernel.unprivileged_userns_clone=1`, or build as root"};
  }
  if (error == ENOSPC || error == EUSERS) {
    return {message + "the limit of namespaces is reached",
            "raise `sysctl user.max_user_namespaces` and the other limits under `user.max_`"};
  }
  if (facts.filtered) {
    return {message + "the container that this runs in does not allow them (" + util::to_lower(strerror(error)) + ")",
            "start the container with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined`, or with "
            "`--privileged`"};
  }
  if (facts.apparmor_restricts.value_or(0) != 0) {
    return {message +
                "AppArmor keeps them from unprivileged programs (`sysctl kernel.apparmor_restrict_unprivileged_userns` "
                "is 1)",
            "add an AppArmor profile with `userns,` for this program, or set that sysctl to 0, or build as root"};
  }
  if (error == EINVAL || error == ENOSYS) {
    return {message + "this kernel is built without them (" + util::to_lower(strerror(error)) + ")",
            "build as root, or with another kernel"};
  }
  if (facts.chrooted) {
    return {message + "this runs in a chroot (" + util::to_lower(strerror(error)) + ")", "build outside, or as root"};
  }
  return {message + util::to_lower(strerror(error)),
          "is a security module or the container that this runs in restricting them? as root it works without"};
}

}  // namespace executor
