#include "util/stream.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <stop_token>
#include <thread>
#include <utility>

#include "tests/support/test_dir.h"
#include "util/error.h"

TEST_CASE("copy moves everything and counts") {
  util::StringReader from(std::string(300000, 'z'));
  util::StringWriter to;
  CHECK(util::copy(from, to) == 300000);
  CHECK(to.text() == std::string(300000, 'z'));
  CHECK(util::copy(from, to) == 0);
}

TEST_CASE("bytes go through descriptors") {
  test::TestDir dir;
  {
    util::Fd file = util::open_file(dir / "f", O_WRONLY | O_CREAT);
    util::FdWriter writer(file.get());
    writer.write(util::as_bytes("hello "));
    writer.write(util::as_bytes("world"));
    writer.finish();
  }
  util::FdReader owning(util::open_file(dir / "f", O_RDONLY));
  CHECK(util::read_all(owning) == "hello world");
  util::Fd file = util::open_file(dir / "f", O_RDONLY);
  util::FdReader borrowing(file.get());
  CHECK(util::read_all(borrowing) == "hello world");
}

TEST_CASE("a pipe that gives nothing does not keep a reader from being stopped") {
  const util::Pipe pipe = util::Pipe::open();
  util::write_all(pipe.write.get(), "half");
  std::stop_source stop;
  util::FdReader reader(pipe.read.get(), stop.get_token());
  std::string text(100, '\0');
  CHECK(reader.read(std::as_writable_bytes(std::span(text))) == 4);
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    stop.request_stop();
  });
  CHECK_THROWS_AS(reader.read(std::as_writable_bytes(std::span(text))), util::Cancelled);
}

TEST_CASE("a reader waits for what a non-blocking descriptor does not have yet") {
  test::TestDir dir;
  REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
  const std::stop_source stop;
  util::FdReader reader(util::open_file(dir / "fifo", O_RDONLY | O_NONBLOCK), stop.get_token());
  const std::jthread writer([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const util::Fd fifo = util::open_file(dir / "fifo", O_WRONLY);
    util::write_all(fifo.get(), "all");
  });
  CHECK(util::read_all(reader) == "all");
}

TEST_CASE("a hashing writer tells digest and size of what passed") {
  util::StringWriter to;
  util::HashingWriter hashing(to);
  hashing.write(util::as_bytes("ab"));
  hashing.write(util::as_bytes("c"));
  hashing.finish();
  CHECK(hashing.count() == 3);
  CHECK(hashing.digest() == util::sha256_of("abc"));
  CHECK(to.take() == "abc");
}

TEST_CASE("a hashing writer takes what is written into another hash as well, and what is not written after all") {
  util::StringWriter to;
  util::HashingWriter hashing(to);
  util::Sha256 part;
  const std::string text(1000, 'x'), other(1000, 'y');
  hashing.write(util::as_bytes("head"));
  hashing.share(part, util::as_bytes(text));
  hashing.write(util::as_bytes(text));
  hashing.share(part, util::as_bytes("never written"));
  hashing.write(util::as_bytes(other));
  hashing.share(part, util::as_bytes("at last"));
  hashing.settle();
  hashing.settle();
  hashing.write(util::as_bytes(text));
  CHECK(part.finish() == util::sha256_of(text + "never written" + "at last"));
  CHECK(hashing.digest() == util::sha256_of("head" + text + other + text));
  CHECK(hashing.count() == 3004);
}

TEST_CASE("read_all refuses more than its limit") {
  util::StringReader exact("12345");
  CHECK(util::read_all(exact, 5) == "12345");
  util::StringReader longer("123456");
  CHECK_THROWS_AS(util::read_all(longer, 5), util::Error);
}

TEST_CASE("a buffer is a span of its size, and empty once it was moved from") {
  util::Buffer buffer(3);
  const std::span<std::byte> span(buffer);
  CHECK(span.size() == 3);
  std::ranges::fill(span, std::byte{7});
  CHECK(std::to_integer<int>(buffer.data()[2]) == 7);
  util::Buffer moved = std::move(buffer);
  CHECK(buffer.empty());  // NOLINT(bugprone-use-after-move)
  CHECK(moved.data() == span.data());
  buffer = std::move(moved);
  CHECK(moved.empty());  // NOLINT(bugprone-use-after-move)
  CHECK(buffer.size() == 3);
  CHECK(util::Buffer().empty());
}
