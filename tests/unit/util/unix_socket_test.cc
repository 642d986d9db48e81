#include "util/unix_socket.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>

#include "tests/support/test_dir.h"
#include "util/error.h"

TEST_CASE("sockets may lie deeper than their addresses are long") {
  const test::TestDir dir;
  const std::filesystem::path deep = dir / std::string(100, 'a') / std::string(100, 'b');
  std::filesystem::create_directories(deep);
  const util::Fd listener = util::listen_unix(deep / "socket");
  const util::Fd client = util::connect_unix(deep / "socket");
  struct pollfd event = {listener.get(), POLLIN, 0};
  REQUIRE(poll(&event, 1, 5000) == 1);
  const util::Fd server(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  util::write_all(client.get(), "hello");
  std::string text(5, ' ');
  CHECK(util::read_full(server.get(), std::as_writable_bytes(std::span(text))) == 5);
  CHECK(text == "hello");
}

TEST_CASE("a name that is taken, absent or too long is an error that names it") {
  const test::TestDir dir;
  const util::Fd listener = util::listen_unix(dir / "socket");
  CHECK_THROWS_AS((void)util::listen_unix(dir / "socket"), util::SystemError);
  CHECK_THROWS_AS((void)util::connect_unix(dir / "other"), util::SystemError);
  CHECK_THROWS_AS((void)util::connect_unix(dir / std::string(120, 'x')), util::Error);
}
