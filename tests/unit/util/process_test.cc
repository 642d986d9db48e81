#include "util/process.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "tests/support/test_dir.h"
#include "util/error.h"

namespace {
util::CaptureResult shell(std::string script, std::string input = {}) {
  return util::run_command({.arguments = {"sh", "-c", std::move(script)},
                            .environment = {},
                            .working_directory = {},
                            .input = std::move(input)});
}
}  // namespace

TEST_CASE("both outputs and the exit code are captured") {
  util::CaptureResult result = shell("echo out; echo err >&2; exit 3");
  CHECK(result.output == "out\n");
  CHECK(result.error == "err\n");
  CHECK(result.status.code == 3);
  CHECK(result.status.shell_code() == 3);
  CHECK_FALSE(result.status.success());
}

TEST_CASE("a signal is told apart from an exit code") {
  util::CaptureResult result = shell("kill -TERM $$");
  CHECK(result.status.signal == SIGTERM);
  CHECK(result.status.shell_code() == 128 + SIGTERM);
  CHECK_FALSE(result.status.success());
}

TEST_CASE("input larger than a pipe goes through while output comes back") {
  std::string input(1 << 20, 'i');
  util::CaptureResult result = shell("cat; cat >&2 </dev/null", input);
  CHECK(result.output == input);
  CHECK(result.status.success());
}

TEST_CASE("input that is not read does no harm") {
  CHECK(shell("exec <&-; exit 0", std::string(1 << 20, 'i')).status.success());
}

TEST_CASE("without input standard input is empty") { CHECK(shell("cat; echo end").output == "end\n"); }

TEST_CASE("environment and working directory are set") {
  test::TestDir dir;
  util::CommandOptions options;
  options.arguments = {"sh", "-c", "echo $A-$HOME; pwd -P"};
  options.environment = {"A=1"};
  options.working_directory = dir.path();
  CHECK(util::run_command(options).output == "1-\n" + std::filesystem::canonical(dir.path()).native() + "\n");
}

TEST_CASE("a program that is not there names itself, a directory that is not there too") {
  util::CommandOptions options;
  options.arguments = {"no-such-program-x"};
  CHECK_THROWS_WITH_AS(util::run_command(options), "run `no-such-program-x`: no such file or directory",
                       util::SystemError);
  options.arguments = {"true"};
  options.working_directory = "/no/such";
  CHECK_THROWS_WITH_AS(util::run_command(options), "run `true` in directory `/no/such`: no such file or directory",
                       util::SystemError);
  CHECK_THROWS_AS(util::run_command({}), util::Error);
}

namespace {

/// Stops a shell that has started `sleep` in the background and then does `then`; whether the child is still there after a while.
bool child_outlives_stop(const std::string& then) {
  test::TestDir dir;
  std::stop_source stop;
  std::string file = (dir / "pid").native();
  std::string script = "sleep 1000 & echo $! > " + file + ".new; mv " + file + ".new " + file + "; " + then;
  std::jthread stopper([&] {
    while (!std::filesystem::exists(file)) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(then == "exit" ? 50 : 0));
    stop.request_stop();
  });
  util::CommandOptions options;
  options.arguments = {"sh", "-c", script};
  bool cancelled = false;
  try {
    (void)util::run_command(options, stop.get_token());
  } catch (const util::Cancelled&) {
    cancelled = true;
  }
  pid_t child = std::stoi(util::read_file(file));
  if (!cancelled) {
    // The machine was so busy that the stop came after the command's outputs were given up.
    ::kill(child, SIGKILL);
    return child_outlives_stop(then);
  }
  std::string stat = "/proc/" + std::to_string(child) + "/stat";
  auto alive = [&] {
    try {
      return util::read_file(stat).find(") Z") == std::string::npos;
    } catch (const util::Error&) {
      return false;
    }
  };
  // The kernel needs a moment to end it; nobody may be there to reap it.
  for (int i = 0; i < 1000 && alive(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return alive();
}

}  // namespace

TEST_CASE("a stop kills the command with its children") { CHECK_FALSE(child_outlives_stop("wait")); }

TEST_CASE("a stop after the end of the command kills the children that it left, and nobody else") {
  // The group of a process that is reaped is -1 for kill: everybody. This test, too, would not have lived to tell.
  CHECK_FALSE(child_outlives_stop("exit"));
}

TEST_CASE("a command that was stopped before does not start") {
  test::TestDir dir;
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(util::run_command({.arguments = {"touch", dir / "f"},
                                     .environment = {},
                                     .working_directory = {},
                                     .input = {}},
                                    stop.get_token()),
                  util::Cancelled);
  CHECK_FALSE(std::filesystem::exists(dir / "f"));
}

TEST_CASE("a child in the background that keeps the outputs open does not hold us up") {
  auto start = std::chrono::steady_clock::now();
  util::CaptureResult result = shell("sleep 30 & echo $!");
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(20));
  ::kill(std::stoi(result.output), SIGKILL);
  CHECK(result.status.success());
}

TEST_CASE("ignored and blocked signals are not handed down") {
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  auto handler = ::signal(SIGPIPE, SIG_IGN);
  util::CaptureResult result = shell("kill -PIPE $$; echo alive");
  CHECK(result.status.signal == SIGPIPE);
  result = shell("kill -TERM $$; echo alive");
  CHECK(result.status.signal == SIGTERM);
  ::signal(SIGPIPE, handler);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST_CASE("only the three standard descriptors are handed down") {
  util::Fd extra = util::open_file("/dev/null", 0);
  CHECK(shell("ls /proc/self/fd | wc -l").output == "4\n");  // and the one ls reads with
}

TEST_CASE("a command may read a descriptor as its input") {
  util::Pipe pipe = util::Pipe::open();
  util::write_all(pipe.write.get(), "through a pipe");
  pipe.write.reset();
  util::CommandOptions options;
  options.arguments = {"cat"};
  options.input_fd = pipe.read.get();
  CHECK(util::run_command(options).output == "through a pipe");
}
