#include "util/fd.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <span>
#include <string>
#include <thread>

#include "tests/support/test_dir.h"
#include "util/error.h"
#include "util/temp.h"

namespace {
bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }
bool is_cloexec(int fd) { return (::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }
}  // namespace

TEST_CASE("a descriptor is closed with its owner and moves without closing") {
  int raw = -1;
  {
    util::Fd first = util::open_file("/dev/null", O_RDONLY);
    raw = first.get();
    util::Fd second = std::move(first);
    CHECK_FALSE(first);
    CHECK(second.get() == raw);
    CHECK(is_open(raw));
  }
  CHECK_FALSE(is_open(raw));
}

TEST_CASE("assignment closes what was held before") {
  util::Fd target = util::open_file("/dev/null", O_RDONLY);
  int before = target.get();
  util::Fd source = util::open_file("/dev/null", O_RDONLY);
  int after = source.get();
  target = std::move(source);
  CHECK(target.get() == after);
  CHECK_FALSE(is_open(before));
}

TEST_CASE("all descriptors are close-on-exec") {
  util::Fd file = util::open_file("/dev/null", O_RDONLY);
  CHECK(is_cloexec(file.get()));
  CHECK(is_cloexec(file.duplicate().get()));
  util::Pipe pipe = util::Pipe::open();
  CHECK(is_cloexec(pipe.read.get()));
  CHECK(is_cloexec(pipe.write.get()));
}

TEST_CASE("releasing a descriptor keeps errno") {
  util::Fd file = util::open_file("/dev/null", O_RDONLY);
  errno = EXDEV;
  file.reset();
  CHECK(errno == EXDEV);
}

TEST_CASE("opening a missing file names it") {
  CHECK_THROWS_WITH_AS((void)util::open_file("/no/such/file", O_RDONLY),
                       "open `/no/such/file`: no such file or directory", util::SystemError);
}

TEST_CASE("more than a pipe holds passes through write_all and read_to_end") {
  util::Pipe pipe = util::Pipe::open();
  std::string sent(300000, 'x');
  std::jthread writer([&] {
    util::write_all(pipe.write.get(), sent);
    pipe.write.reset();
  });
  CHECK(util::read_to_end(pipe.read.get()) == sent);
}

TEST_CASE("read_full stops at the end of the file") {
  test::TestDir dir;
  dir.write("f", "abc");
  util::Fd file = util::open_file(dir / "f", O_RDONLY);
  std::byte buffer[10];
  CHECK(util::read_full(file.get(), buffer) == 3);
  CHECK(util::read_full(file.get(), buffer) == 0);
}

TEST_CASE("read_file reads whole files, also those of /proc that have no size") {
  test::TestDir dir;
  dir.write("empty", "");
  dir.write("f", std::string(100000, 'y'));
  CHECK(util::read_file(dir / "empty").empty());
  CHECK(util::read_file(dir / "f") == std::string(100000, 'y'));
  CHECK(util::read_file("/proc/self/status").starts_with("Name:"));
}

TEST_CASE("read_file accepts exactly the limit and refuses one byte more") {
  test::TestDir dir;
  dir.write("f", "12345");
  CHECK(util::read_file(dir / "f", 5) == "12345");
  CHECK_THROWS_AS(util::read_file(dir / "f", 4), util::Error);
  CHECK_THROWS_AS(util::read_file("/dev/zero", 1000), util::Error);
}

TEST_CASE("a failed write names the file") {
  const util::Fd full = util::open_file("/dev/full", O_WRONLY);
  CHECK_THROWS_WITH_AS(util::write_all(full.get(), "x"), "write `/dev/full`: no space left on device", util::SystemError);
  CHECK_THROWS_WITH_AS(util::write_at(full.get(), 0, std::as_bytes(std::span("x", 1))), "write `/dev/full`: no space left on device",
                       util::SystemError);
  const test::TestDir dir;
  const util::Fd nameless = util::make_nameless_file(dir.path());
  const util::Fd read_only = util::open_file(fmt::format("/proc/self/fd/{}", nameless.get()), O_RDONLY);
  CHECK_THROWS_WITH_AS(util::write_all(read_only.get(), "x"),
                       fmt::format("write a temporary file in `{}`: bad file descriptor", std::filesystem::canonical(dir.path()).native()).c_str(),
                       util::SystemError);
  util::Pipe pipe = util::Pipe::open();
  CHECK_THROWS_WITH_AS(util::write_all(pipe.read.get(), "x"), "write: bad file descriptor", util::SystemError);
}
