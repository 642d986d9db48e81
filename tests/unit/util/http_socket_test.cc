#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <thread>

#include "tests/support/test_dir.h"
#include "util/http.h"
#include "util/unix_socket.h"

namespace {

/// Answers one request at a unix socket; `request` is what came, headers and body.
class OneAnswer {
 public:
  OneAnswer(const std::filesystem::path& path, std::string until, std::string answer)
      : socket_(util::listen_unix(path)), thread_([this, until = std::move(until), answer = std::move(answer)] { run(until, answer); }) {}
  ~OneAnswer() {
    if (thread_.joinable()) thread_.join();
  }
  std::string request() {
    thread_.join();
    return request_;
  }

 private:
  void run(const std::string& until, const std::string& answer) {
    util::Fd client;
    for (int i = 0; i < 500 && !client; ++i) {
      client = util::Fd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!client) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    std::array<char, 4096> buffer;
    while (request_.find(until) == std::string::npos) {
      const ssize_t count = ::read(client.get(), buffer.data(), buffer.size());
      if (count <= 0) break;
      request_.append(buffer.data(), static_cast<std::size_t>(count));
    }
    util::write_all(client.get(), answer);
  }

  util::Fd socket_;
  std::string request_;
  std::thread thread_;
};

constexpr const char* kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone";

}  // namespace

TEST_CASE("a request goes to a unix socket instead of the host that the URL names") {
  test::TestDir dir;
  OneAnswer server(dir / "socket", "\r\n\r\n", kAnswer);
  util::HttpRequest request;
  request.url = "http://engine.invalid/images/json?all=1";
  request.unix_socket = dir / "socket";
  const util::HttpResponse response = util::HttpClient("test").perform(request);
  CHECK(response.status == 200);
  CHECK(response.body == "done");
  const std::string seen = server.request();
  CHECK(seen.starts_with("GET /images/json?all=1 HTTP/1.1\r\n"));
  CHECK(seen.find("Host: engine.invalid\r\n") != std::string::npos);
}

TEST_CASE("a body of unknown size goes in chunks") {
  test::TestDir dir;
  OneAnswer server(dir / "socket", "\r\n0\r\n\r\n", kAnswer);
  util::StringReader body(std::string(10'000, 'x'));
  util::HttpRequest request;
  request.method = "POST";
  request.url = "http://localhost/load";
  request.unix_socket = dir / "socket";
  request.body_reader = &body;
  request.body_size = util::HttpRequest::kUnknownSize;
  CHECK(util::HttpClient("test").perform(request).status == 200);
  const std::string seen = server.request();
  CHECK(seen.starts_with("POST /load HTTP/1.1\r\n"));
  CHECK(seen.find("Transfer-Encoding: chunked\r\n") != std::string::npos);
  CHECK(std::count(seen.begin(), seen.end(), 'x') >= 10'000);
}

TEST_CASE("a socket where nobody listens is an error of transport") {
  test::TestDir dir;
  util::HttpRequest request;
  request.url = "http://localhost/";
  request.unix_socket = dir / "none";
  CHECK_THROWS_AS(util::HttpClient("test").perform(request), util::HttpError);
}
