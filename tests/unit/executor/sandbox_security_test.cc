#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include <thread>

#include "executor/credentials.h"
#include "tests/unit/executor/sandbox_fixture.h"
#include "util/error.h"
#include "util/fd.h"

using test::Ran;
using test::SandboxFixture;
using Lines = std::vector<std::string>;

namespace {

bool contains_line(const Lines& lines, std::string_view start) {
  for (const std::string& line : lines) {
    if (line.starts_with(start)) return true;
  }
  return false;
}

/// A line of this process's own status: a sandbox cannot take no_new_privs back when the surroundings have set it.
std::string own_status(const std::string& name) {
  const std::string text = util::read_file("/proc/self/status");
  const std::size_t start = text.find(name + ":");
  return text.substr(start, text.find('\n', start) - start);
}

}  // namespace

TEST_SUITE_BEGIN("needs sandboxes");

TEST_CASE_FIXTURE(SandboxFixture,
                  "root has the fourteen default capabilities, and no new privileges are possible but allowed") {
  Lines lines = probe({"caps", "--", "status", "NoNewPrivs", "--", "status", "Seccomp:"}).lines();
  CHECK(lines == Lines{"CapInh:\t0000000000000000", "CapPrm:\t00000000a80425fb", "CapEff:\t00000000a80425fb",
                       "CapBnd:\t00000000a80425fb", "CapAmb:\t0000000000000000", own_status("NoNewPrivs"), "Seccomp:\t2"});
}

TEST_CASE_FIXTURE(SandboxFixture, "another user has groups, home and no capabilities") {
  if (!test::many_ids()) return;  // only one user id here
  process.user = "www";
  Ran ran = probe({"uid", "--", "gid", "--", "groups", "--", "env", "HOME", "--", "caps"});
  CHECK(ran.lines() == Lines{"1000", "1001", "1001 2000", "/home/www", "CapInh:\t0000000000000000",
                             "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapBnd:\t00000000a80425fb",
                             "CapAmb:\t0000000000000000"});
  process.user = "1234";
  CHECK(probe({"uid", "--", "gid", "--", "groups", "--", "env", "HOME"}).lines() == Lines{"1234", "0", "0", "/"});
  process.user = "www:2000";
  CHECK(probe({"uid", "--", "gid", "--", "groups"}).lines() == Lines{"1000", "2000", "2000"});
}

TEST_CASE_FIXTURE(SandboxFixture, "the working directory belongs to the user") {
  if (!test::many_ids()) return;  // only one user id here
  process.user = "www";
  process.cwd = "/made/here";
  CHECK(probe({"stat", "/made", "--", "stat", "/made/here"}).lines() ==
        Lines{"directory 755 1000 1001", "directory 755 1000 1001"});
}

TEST_CASE_FIXTURE(SandboxFixture, "an unknown user is an error, not an exit status") {
  process.user = "nobody-here";
  CHECK_THROWS_WITH(probe({}),
                    "run in a sandbox: unable to find user `nobody-here`: no matching entries in passwd file");
}

TEST_CASE_FIXTURE(SandboxFixture, "the filter refuses what could reach the host, and lets C libraries fall back") {
  auto outcome = [&](const char* name) { return probe({"syscall", name}).out; };
  CHECK(outcome("clone3") == "ENOSYS\n");
  CHECK(outcome("unshare-user") == "EPERM\n");
  CHECK(outcome("unshare-mount") == "EPERM\n");
  CHECK(outcome("mount") == "EPERM\n");
  CHECK(outcome("fsopen") == "EPERM\n");
  CHECK(outcome("alg") == "EPERM\n");
  CHECK(outcome("vsock") == "EPERM\n");
  CHECK(outcome("keyctl") == "EPERM\n");
  CHECK(outcome("add_key") == "EPERM\n");
  CHECK(outcome("reboot") == "EPERM\n");
  CHECK(outcome("io_uring_setup") == "EPERM\n");
  CHECK(outcome("bpf") == "EPERM\n");
  CHECK(outcome("sethostname") == "EPERM\n");
  CHECK(outcome("personality-bsd") == "EPERM\n");
  CHECK(outcome("unknown") == "ENOSYS\n");
  CHECK(outcome("personality-linux32") == "ok\n");
  CHECK(outcome("inet") == "ok\n");
  CHECK(outcome("netlink") == "ok\n");
  CHECK(outcome("chroot") == "ok\n");
  CHECK(outcome("fchmodat2") == "ENOENT\n");
}

TEST_CASE_FIXTURE(SandboxFixture, "paths of the kernel are masked or read-only") {
  Ran ran =
      probe({"write", "/proc/sys/kernel/hostname", "x", "--", "write", "/proc/sysrq-trigger", "h", "--", "cat",
             "/proc/keys", "--", "cat", "/proc/timer_list", "--", "ls", "/sys/firmware", "--", "ls", "/proc/scsi"});
  CHECK(ran.lines().at(0) == "error: EROFS");
  CHECK((ran.lines().at(1) == "error: EROFS" || ran.lines().at(1) == "error: ENOENT"));  // a kernel without sysrq
  for (std::size_t i = 2; i < ran.lines().size(); ++i) CHECK(ran.lines()[i] == "error: ENOENT");
  Lines lines = probe({"mounts"}).lines();
  CHECK(contains_line(lines, "/proc/sys proc ro,"));
  CHECK(contains_line(lines, "/proc/bus proc ro,"));
  CHECK(contains_line(lines, "/sys sysfs ro,"));
  CHECK(contains_line(lines, "/proc proc rw,nosuid,nodev,noexec"));
}

TEST_CASE_FIXTURE(SandboxFixture, "nothing of the host's tree is mounted") {
  for (const std::string& line : probe({"mounts"}).lines()) {
    std::string point = line.substr(0, line.find(' '));
    CAPTURE(line);
    bool expected = point == "/" || point == "/etc/hosts" || point == "/etc/resolv.conf";
    for (const char* start : {"/proc", "/dev", "/sys"})
      expected = expected || point == start || point.starts_with(std::string(start) + "/");
    CHECK(expected);
  }
}

TEST_CASE_FIXTURE(SandboxFixture, "the devices of every container are there") {
  Ran ran = probe({"ls", "/dev"});
  CHECK(ran.lines() == Lines{"core", "fd", "full", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin",
                             "stdout", "tty", "urandom", "zero"});
  CHECK(probe({"stat", "/dev/null"}).out.find(" 1:3\n") != std::string::npos);
  CHECK(probe({"write", "/dev/null", "x", "--", "link", "/dev/ptmx", "--", "stat", "/dev/pts/ptmx", "--", "stat",
               "/dev/shm"})
            .lines() == Lines{"ok", "pts/ptmx", "device 666 0 0 5:2", "directory 1777 0 0"});
  CHECK(probe({"stat", "/dev/stdout", "--", "link", "/dev/fd"}).lines().back() == "/proc/self/fd");
}

TEST_CASE_FIXTURE(SandboxFixture, "the init cannot be looked into") {
  Ran ran = probe({"link", "/proc/1/exe", "--", "link", "/proc/1/root", "--", "link", "/proc/1/fd/3", "--", "cat",
                   "/proc/1/environ"});
  CHECK(ran.out == "error: EACCES\nerror: EACCES\nerror: EACCES\nerror: EACCES\n");
}

TEST_CASE_FIXTURE(SandboxFixture, "inits run from a read-only mount of the program, so that no step can write to it") {
  // The image's command leads to the program itself: started inside, it finds neither its libraries nor its server.
  std::filesystem::create_symlink("/proc/self/exe", dir / "lower/bin/evil");
  CHECK(run({"evil"}).status.code != 0);
  std::string children = util::read_file("/proc/thread-self/children");
  REQUIRE(!children.empty());
  struct statvfs info = {};
  REQUIRE(statvfs(("/proc/" + children.substr(0, children.find(' ')) + "/exe").c_str(), &info) == 0);
  CHECK((info.f_flag & ST_RDONLY) != 0);
}

TEST_CASE_FIXTURE(SandboxFixture, "insecure means all capabilities, no filter and nothing masked") {
  process.insecure = true;
  Lines lines = probe({"status", "CapEff", "--", "status", "CapAmb", "--", "status", "Seccomp:", "--", "syscall",
                       "unshare-mount"})
                    .lines();
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] != "CapEff:\t00000000a80425fb");
  CHECK(lines[1].substr(8) == lines[0].substr(8));
  CHECK(lines[2] == "Seccomp:\t0");
  CHECK(lines[3] == "ok");
  CHECK_FALSE(contains_line(probe({"mounts"}).lines(), "/proc/sys "));
}

TEST_CASE_FIXTURE(SandboxFixture, "limits of processes are set; one that cannot be raised is an error with a hint") {
  process.limits.ulimits = {{"nofile", 100, 200}};
  CHECK(probe({"limit"}).out == "100:200\n");
  process.limits.ulimits = {{"nofiles", 1, 1}};
  CHECK_THROWS_WITH(probe({}), "run in a sandbox: set the limit `nofiles`: no such limit");
  struct rlimit own = {};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &own) == 0);
  bool may_raise = (executor::permitted_capabilities() >> executor::capability_number("CAP_SYS_RESOURCE") & 1) != 0;
  if (may_raise && test::real_root()) return;
  std::string more = std::to_string(own.rlim_max + 1);
  process.limits.ulimits = {{"nofile", 100, static_cast<std::int64_t>(own.rlim_max + 1)}};
  try {
    probe({});
    FAIL("the limit was raised");
  } catch (const util::Error& error) {
    CHECK(error.message() == "run in a sandbox: set the limit `nofile` to 100:" + more + ": operation not permitted");
    CHECK(error.hint().find("hard limit of this process (" + std::to_string(own.rlim_max) + ")") != std::string::npos);
  }
}

TEST_CASE_FIXTURE(SandboxFixture, "a socket is passed on under its own owner and mode") {
  if (!test::many_ids()) return;  // only one user id here
  std::string path = dir / "agent";
  util::Fd listener(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  struct sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(bind(listener.get(), reinterpret_cast<struct sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(listen(listener.get(), 1) == 0);
  std::jthread agent([&] {
    util::Fd client(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::string text = util::read_to_end(client.get());
    util::write_all(client.get(), "agent heard " + text);
  });
  executor::MountPlan::Socket socket;
  socket.source = path;
  socket.target = "/run/agent.0";
  socket.mode = 0600;
  socket.uid = 1000;
  socket.gid = 1001;
  mounts.sockets = {socket};
  process.user = "www";
  Ran ran = probe({"stat", "/run/agent.0", "--", "connect", "/run/agent.0", "hello"});
  CHECK(ran.lines() == Lines{"socket 600 1000 1001", "agent heard hello"});
  CHECK(layer().empty());
}

TEST_CASE_FIXTURE(SandboxFixture, "memory beyond the limit is told as such") {
  if (!test::real_root()) return;  // limits need root, or a delegated cgroup
  process.limits.memory = 64u << 20;
  Ran ran;
  try {
    ran = probe({"touch-memory", "8"});
  } catch (const util::Error& error) {
    MESSAGE("skipped, no cgroups here: " << error.message() << "; " << error.hint());
    return;
  }
  CHECK(ran.out == "ok\n");
  CHECK_FALSE(ran.out_of_memory);
  ran = probe({"touch-memory", "512"});
  CHECK(ran.status.signal == 9);
  CHECK(ran.out_of_memory);
}

TEST_SUITE_END();
