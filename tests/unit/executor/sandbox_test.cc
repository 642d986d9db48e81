#include "executor/sandbox.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/unit/executor/sandbox_fixture.h"
#include "util/error.h"

using test::Ran;
using test::SandboxFixture;

namespace {

using Lines = std::vector<std::string>;

}  // namespace

TEST_SUITE_BEGIN("needs sandboxes");

TEST_CASE_FIXTURE(SandboxFixture, "both output streams arrive, and the exit code") {
  Ran ran = probe({"echo", "hello", "--", "err", "trouble", "--", "exit", "7"});
  CHECK(ran.out == "hello\n");
  CHECK(ran.err == "trouble\n");
  CHECK(ran.status.code == 7);
  CHECK(ran.status.signal == 0);
}

TEST_CASE_FIXTURE(SandboxFixture, "the signal that ended the process is told") {
  Ran ran = probe({"kill", "9"});
  CHECK(ran.status.signal == 9);
  CHECK(ran.status.shell_code() == 137);
}

TEST_CASE_FIXTURE(SandboxFixture, "the environment is exactly the given one, with HOME from passwd") {
  process.env = {"PATH=/bin", "A=b c", "EMPTY="};
  CHECK(probe({"environ"}).lines() == Lines{"PATH=/bin", "A=b c", "EMPTY=", "HOME=/root"});
  process.env = {"HOME=/x", "PATH=/bin"};
  CHECK(probe({"environ"}).lines() == Lines{"HOME=/x", "PATH=/bin"});
  process.env = {"HOME=", "PATH=/bin"};
  CHECK(probe({"environ"}).lines() == Lines{"PATH=/bin", "HOME=/root"});
}

TEST_CASE_FIXTURE(SandboxFixture, "bytes that are no UTF-8 pass through arguments") {
  CHECK(probe({"echo",
               "a\xff\xfe"
               "b"})
            .out ==
        "a\xff\xfe"
        "b\n");
}

TEST_CASE_FIXTURE(SandboxFixture, "standard input is empty and no other descriptor is open") {
  Ran ran = probe({"stdin", "--", "fds"});
  // The fourth one is the directory being listed.
  CHECK(ran.lines() == Lines{"eof", "0", "1", "2", "3"});
}

TEST_CASE_FIXTURE(SandboxFixture, "namespaces are new, except the network of the host") {
  Ran ran = probe(
      {"ns", "mnt", "--", "ns", "pid", "--", "ns", "ipc", "--", "ns", "uts", "--", "ns", "cgroup", "--", "ns", "net"});
  Lines inside = ran.lines();
  REQUIRE(inside.size() == 6);
  const char* names[] = {"mnt", "pid", "ipc", "uts", "cgroup", "net"};
  for (std::size_t i = 0; i < 6; ++i) {
    CAPTURE(names[i]);
    std::string outside = std::filesystem::read_symlink(std::string("/proc/self/ns/") + names[i]);
    CHECK((inside[i] == outside) == (i == 5));
  }
}

TEST_CASE_FIXTURE(SandboxFixture, "only the init and the process itself are there") {
  CHECK(probe({"pids"}).lines() == Lines{"1", "2"});
}

TEST_CASE_FIXTURE(SandboxFixture, "without network there is only the loopback interface, and it is up") {
  process.network = executor::NetworkMode::none;
  Ran ran = probe({"interfaces", "--", "cat", "/sys/class/net/lo/operstate", "--", "cat", "/sys/class/net/lo/flags"});
  CHECK(ran.lines() == Lines{"lo", "unknown", "0x9"});
}

TEST_CASE_FIXTURE(SandboxFixture, "the host name is set") {
  CHECK(probe({"hostname"}).out == "buildkitsandbox\n");
  process.hostname = "other";
  CHECK(probe({"hostname"}).out == "other\n");
}

TEST_CASE_FIXTURE(SandboxFixture, "hosts and resolv.conf are there, read-only, and leave no trace in the layer") {
  process.extra_hosts = {{"db", "10.0.0.7"}, {"me", "host-gateway"}};
  Ran ran = probe({"cat", "/etc/hosts", "--", "write", "/etc/hosts", "x", "--", "write", "/etc/resolv.conf", "x"});
  CHECK(ran.out ==
        "127.0.0.1\tlocalhost buildkitsandbox\n::1\tlocalhost ip6-localhost ip6-loopback\n10.0.0.7\tdb\n127.0.0.1\tme\n"
        "error: EROFS\nerror: EROFS\n");
  CHECK(layer().empty());
}

TEST_CASE_FIXTURE(SandboxFixture,
                  "mount points that the image lacks are made, and but for /dev, /proc and /sys are gone afterwards") {
  for (const char* name : {"proc", "sys", "dev", "etc/hosts", "etc/resolv.conf"})
    std::filesystem::remove_all(dir / (std::string("lower/") + name));
  util::Mount cache;
  cache.source = dir / "temporary";
  cache.target = "/var/cache/deep";
  mounts.extra = {cache};
  CHECK(probe({"cat", "/proc/self/comm", "--", "stat", "/var/cache/deep"}).lines().front() == "probe");
  CHECK(layer() == Lines{"dev", "etc", "proc", "sys"});  // etc: copied up, with the owner and mode of below
  CHECK(std::filesystem::is_empty(dir / "upper/etc"));
}

TEST_CASE_FIXTURE(SandboxFixture, "a mount point that the step fills beside the mount stays") {
  util::Mount cache;
  cache.source = dir / "temporary";
  cache.target = "/made/deep";
  mounts.extra = {cache};
  probe({"write", "/made/file", "x", "--", "write", "/made/deep/file", "y"});
  CHECK(layer() == Lines{"made", "made/file"});
  CHECK(std::filesystem::exists(dir / "temporary/file"));
}

TEST_CASE_FIXTURE(SandboxFixture, "mount points inside another mount are taken away too") {
  std::filesystem::create_directories(dir / "cache");
  std::filesystem::create_directories(dir / "inner");
  util::Mount outer, inner;
  outer.source = dir / "cache";
  outer.target = "/c";
  inner.source = dir / "inner";
  inner.target = "/c/in/side";
  mounts.extra = {inner, outer};  // the deeper one first: it must not be hidden
  CHECK(probe({"write", "/c/in/side/file", "x"}).out == "ok\n");
  CHECK(std::filesystem::exists(dir / "inner/file"));
  CHECK(std::filesystem::is_empty(dir / "cache"));
  CHECK(layer().empty());
}

TEST_CASE_FIXTURE(SandboxFixture,
                  "resolv.conf that is a dangling link is mounted where it points to, inside the root") {
  std::filesystem::remove(dir / "lower/etc/resolv.conf");
  std::filesystem::create_symlink("../../../run/systemd/stub.conf", dir / "lower/etc/resolv.conf");
  CHECK(probe({"stat", "/run/systemd/stub.conf"}).out.starts_with("file 644 0 0"));
  CHECK(layer().empty());
}

TEST_CASE_FIXTURE(SandboxFixture, "links of the image never lead a mount out of the root") {
  std::filesystem::create_directories(dir / "outside");
  std::filesystem::create_symlink(dir / "outside", dir / "lower/escape");
  util::Mount cache;
  cache.source = dir / "temporary";
  cache.target = "/escape/point";
  mounts.extra = {cache};
  probe({"write", "/escape/point/file", "x"});
  CHECK(std::filesystem::is_empty(dir / "outside"));
  CHECK(std::filesystem::exists(dir / "temporary/file"));
}

TEST_CASE_FIXTURE(SandboxFixture, "injected files have their owner and mode and exist nowhere else") {
  executor::InjectedFile secret;
  secret.target = "/run/secrets/token";
  secret.content = "hidden";
  mounts.files = {secret};
  Ran ran = probe({"cat", "/run/secrets/token", "--", "echo", "", "--", "stat", "/run/secrets/token"});
  CHECK(ran.lines() == Lines{"hidden", "file 400 0 0 6"});
  CHECK(layer().empty());
}

TEST_CASE_FIXTURE(SandboxFixture, "a read-only bind cannot be written, a tmpfs has its size") {
  std::filesystem::create_directories(dir / "source");
  util::Mount bound, memory;
  bound.source = dir / "source";
  bound.target = "/source";
  bound.read_only = true;
  memory.type = util::Mount::Type::tmpfs;
  memory.target = "/memory";
  memory.size = 65536;
  mounts.extra = {bound, memory};
  CHECK(
      probe({"write", "/source/x", "x", "--", "fill", "/memory/small", "60000", "--", "fill", "/memory/large", "60000"})
          .lines() == Lines{"error: EROFS", "ok", "error: ENOSPC"});
  process.shm_size = 131072;
  CHECK(probe({"fill", "/dev/shm/small", "131072", "--", "fill", "/dev/shm/large", "131073"}).lines() ==
        Lines{"ok", "error: ENOSPC"});
}

TEST_CASE_FIXTURE(SandboxFixture, "the working directory is made, also through a link") {
  process.cwd = "/new/place";
  CHECK(probe({"cwd"}).out == "/new/place\n");
  CHECK(layer() == Lines{"new", "new/place"});
  std::filesystem::create_symlink("/tmp/target", dir / "lower/link");
  process.cwd = "/link/sub";
  CHECK(probe({"cwd"}).out == "/tmp/target/sub\n");
}

TEST_CASE_FIXTURE(SandboxFixture, "a working directory in a tmpfs is made there") {
  util::Mount memory;
  memory.type = util::Mount::Type::tmpfs;
  memory.target = "/tmp";
  mounts.extra = {memory};
  process.cwd = "/tmp/work";
  CHECK(probe({"cwd"}).out == "/tmp/work\n");
}

TEST_CASE_FIXTURE(SandboxFixture, "commands that cannot be run end with 127 or 126 and say why") {
  Ran missing = run({"nothing"});
  CHECK(missing.status.code == 127);
  // AddressSanitizer has a remark about the stack of the process that does not become another one.
  CHECK(missing.err.starts_with("exec: \"nothing\": executable file not found in $PATH\n"));
  CHECK(run({"/bin/nothing"}).status.code == 127);
  Ran refused = run({"/etc/passwd"});
  CHECK(refused.status.code == 126);
  CHECK(refused.err.starts_with("exec: \"/etc/passwd\": permission denied\n"));
  CHECK(run({"/etc"}).status.code == 126);
  dir.write("lower/bin/text", "no program\n");
  std::filesystem::permissions(dir / "lower/bin/text", std::filesystem::perms(0755));
  CHECK(run({"text"}).status.code == 126);
}

TEST_CASE_FIXTURE(SandboxFixture, "what a step leaves running is killed, and its output so far delivered") {
  auto start = std::chrono::steady_clock::now();
  Ran ran = probe({"daemon", "60", "--", "echo", "main is done"});
  CHECK(ran.out == "main is done\n");
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
}

TEST_CASE_FIXTURE(SandboxFixture, "large output arrives whole") {
  dir.write("lower/large", std::string(3'000'000, 'x'));
  CHECK(probe({"cat", "/large"}).out.size() == 3'000'000);
}

TEST_CASE_FIXTURE(SandboxFixture, "a stop ends the sandbox at once") {
  std::stop_source stop;
  std::jthread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop.request_stop();
  });
  auto start = std::chrono::steady_clock::now();
  CHECK_THROWS_AS(run({"probe", "sleep", "60"}, stop.get_token()), util::Cancelled);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
  CHECK_THROWS_AS(run({"probe"}, stop.get_token()), util::Cancelled);
}

TEST_CASE_FIXTURE(SandboxFixture, "an exception out of the output callback ends the sandbox") {
  process.args = {"probe", "echo", "x", "--", "sleep", "60"};
  executor::ProcessIo io;
  io.output = [](int, std::string_view) { throw util::Error("the display is gone"); };
  dir.write("lower/bin/x", "");
  // The probe's output is flushed before it sleeps.
  CHECK_THROWS_WITH(executor->run(process, mounts, io, {}), "the display is gone");
}

TEST_CASE_FIXTURE(SandboxFixture, "many run at once from many threads") {
  std::vector<std::string> outputs(16);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      threads.emplace_back([&, i] {
        executor::ProcessSpec spec = process;
        spec.args = {"probe", "echo", std::to_string(i)};
        executor::MountPlan plan;
        util::Mount root;
        root.target = "/";
        root.source = dir / "lower";
        plan.root = {root};
        executor::ProcessIo io;
        io.output = [&outputs, i](int, std::string_view data) { outputs[i] += data; };
        executor->run(spec, plan, io, {});
      });
    }
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) CHECK(outputs[i] == std::to_string(i) + "\n");
}

TEST_CASE_FIXTURE(SandboxFixture, "a root of hundreds of layers, and of layers with awkward names") {
  util::Mount& root = mounts.root.front();
  std::string lowest = root.lower.front();
  root.lower.clear();
  std::string base = dir / std::string(120, 'd');
  for (int i = 0; i < 200; ++i) {
    std::string layer = base + "/" + std::string(100, 'l') + ":,\\" + std::to_string(i) + "/fs";
    std::filesystem::create_directories(layer);
    root.lower.push_back(layer);
  }
  root.lower.push_back(lowest);
  util::Fd(open((root.lower[150] + "/marker").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
  SUBCASE("with the calls of new kernels") {}
  SUBCASE("with one option string") {
    setenv("BUILDER_NO_LOWERDIR_ADD", "1", 1);
  }
  CHECK(probe({"stat", "/marker", "--", "write", "/new", "x"}).lines() == Lines{"file 644 0 0 0", "ok"});
  unsetenv("BUILDER_NO_LOWERDIR_ADD");
  CHECK(layer() == Lines{"new"});
}

TEST_CASE_FIXTURE(SandboxFixture, "more layers than the kernel stacks are refused in words") {
  mounts.root.front().lower.assign(501, dir / "lower");
  CHECK_THROWS_WITH(probe({}),
                    "run in a sandbox: mount the root: mount an overlay of 501 layers: the kernel can stack 500");
}

TEST_CASE_FIXTURE(SandboxFixture, "a root of one layer and nothing above it is read-only") {
  mounts.root.front().upper.clear();
  mounts.root.front().work.clear();
  CHECK(probe({"write", "/x", "y"}).out == "error: EROFS\n");
}

TEST_CASE_FIXTURE(SandboxFixture, "the same upper directory can be used for one step after the other") {
  CHECK(probe({"write", "/first", "1"}).out == "ok\n");
  CHECK(probe({"cat", "/first", "--", "write", "/second", "2"}).out == "1ok\n");
  CHECK(layer() == Lines{"first", "second"});
}

TEST_CASE_FIXTURE(SandboxFixture, "what is wrong with a mount is said with its target") {
  util::Mount missing;
  missing.source = dir / "nowhere";
  missing.target = "/x";
  mounts.extra = {missing};
  std::string expected = "run in a sandbox: mount `/x`: bind `" + missing.source + "`: no such file or directory";
  CHECK_THROWS_WITH(probe({}), expected.c_str());
}

TEST_CASE_FIXTURE(SandboxFixture, "everything dies with the builder, even when that is killed") {
  std::string pipe = dir / "lower/pipe";
  REQUIRE(mkfifo(pipe.c_str(), 0666) == 0);
  util::Mount bound;
  bound.source = dir / "lower";
  bound.target = "/";
  mounts.root = {bound};
  process.args = {"probe", "hold", "/pipe", "600"};
  pid_t builder = fork();
  REQUIRE(builder >= 0);
  if (builder == 0) {
    executor::SandboxExecutor(dir / "temporary").run(process, mounts, {}, {});
    _exit(0);
  }
  util::Fd reader = util::open_file(pipe, O_RDONLY);  // waits until the sandbox opens its end
  char byte;
  CHECK(read(reader.get(), &byte, 1) == 1);
  kill(builder, SIGKILL);
  CHECK(read(reader.get(), &byte, 1) == 0);
  waitpid(builder, nullptr, 0);
}

TEST_CASE_FIXTURE(SandboxFixture, "when the server of inits was killed, the next run starts another") {
  CHECK(probe({"echo", "1"}).out == "1\n");
  std::string children = util::read_file("/proc/thread-self/children");
  for (const std::string& child : util::split(children, ' ')) {
    if (!child.empty()) kill(std::stoi(child), SIGKILL);
  }
  CHECK(probe({"echo", "2"}).out == "2\n");
}

TEST_CASE_FIXTURE(SandboxFixture, "how long a run takes (not a test; with --no-skip)" * doctest::skip()) {
  probe({});
  auto start = std::chrono::steady_clock::now();
  constexpr int kRuns = 200;
  for (int i = 0; i < kRuns; ++i) probe({});
  std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - start;
  double each = time.count() / kRuns;
  MESSAGE(each << " ms per run");
}

TEST_SUITE_END();
