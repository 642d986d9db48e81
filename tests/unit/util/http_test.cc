#include "util/http.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

#include "util/http_url.h"
#include "util/sync.h"

namespace {

using namespace std::chrono_literals;

/// A server on a loopback port: hands each request (head and body) to a function and sends back what it returns, raw.
/// An empty answer keeps the client waiting until the server ends.
class LoopbackServer {
 public:
  using Handler = std::function<std::string(const std::string& request)>;

  explicit LoopbackServer(Handler handler)
      : handler_(std::move(handler)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(listen(listener_, 16) == 0);
    REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept_all(); });
  }
  ~LoopbackServer() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (int fd : *open_.lock()) shutdown(fd, SHUT_RDWR);
    for (std::thread& thread : serving_) thread.join();
    for (int fd : *open_.lock()) close(fd);
    close(listener_);
  }

  std::string url(const std::string& path) const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
  int port() const { return port_; }
  int connections() const { return connections_; }

 private:
  void accept_all() {
    for (;;) {
      int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      ++connections_;
      open_.lock()->push_back(fd);
      serving_.emplace_back([this, fd] { serve(fd); });
    }
  }

  void serve(int fd) {
    std::string data;
    char buffer[65536];
    for (;;) {
      std::size_t end;
      while ((end = data.find("\r\n\r\n")) == std::string::npos) {
        ssize_t count = recv(fd, buffer, sizeof buffer, 0);
        if (count <= 0) return;
        data.append(buffer, static_cast<std::size_t>(count));
      }
      std::size_t total = end + 4;
      if (std::size_t at = data.find("Content-Length: "); at < end) total += std::stoul(data.substr(at + 16));
      while (data.size() < total) {
        ssize_t count = recv(fd, buffer, sizeof buffer, 0);
        if (count <= 0) return;
        data.append(buffer, static_cast<std::size_t>(count));
      }
      std::string answer = handler_(data.substr(0, total));
      data.erase(0, total);
      if (answer.empty()) continue;
      send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
      if (answer.find("Connection: close") != std::string::npos) {
        shutdown(fd, SHUT_RDWR);
        return;
      }
    }
  }

  Handler handler_;
  int listener_;
  int port_ = 0;
  std::atomic<int> connections_{0};
  util::Sync<std::vector<int>> open_;
  std::thread acceptor_;
  std::vector<std::thread> serving_;
};

std::string answer(const std::string& status, const std::string& body, const std::string& headers = {}) {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" + body;
}

util::HttpRequest get(const std::string& url) {
  util::HttpRequest request;
  request.url = url;
  return request;
}

}  // namespace

TEST_CASE("a body and the headers of an answer are returned, whatever the status") {
  LoopbackServer server([](const std::string& request) {
    return request.starts_with("GET /ok ") ? answer("200 OK", "hello", "X-Some:  thing \r\n")
                                           : answer("404 Not Found", "nothing");
  });
  util::HttpClient client("builder/test");
  util::HttpResponse ok = client.perform(get(server.url("/ok")));
  CHECK(ok.status == 200);
  CHECK(ok.body == "hello");
  CHECK(ok.header("x-some") == "thing");
  CHECK_FALSE(ok.header("x-other"));
  CHECK(ok.final_url == server.url("/ok"));
  util::StringWriter sink;
  util::HttpResponse missing = client.perform(get(server.url("/no")), &sink);
  CHECK(missing.status == 404);
  CHECK(missing.body == "nothing");
  CHECK(sink.text().empty());
}

TEST_CASE("a successful body goes to the sink and is not kept") {
  std::string large(3 << 20, 'x');
  LoopbackServer server([&](const std::string&) { return answer("200 OK", large); });
  util::HttpClient client("builder/test");
  util::StringWriter sink;
  CHECK(client.perform(get(server.url("/")), &sink).body.empty());
  CHECK(sink.text() == large);
}

TEST_CASE("connections are used again") {
  LoopbackServer server([](const std::string&) { return answer("200 OK", "x"); });
  util::HttpClient client("builder/test");
  for (int i = 0; i < 5; ++i) client.perform(get(server.url("/")));
  CHECK(server.connections() == 1);
}

TEST_CASE("methods and bodies are sent as given") {
  std::string seen;
  LoopbackServer server([&](const std::string& request) {
    seen = request;
    return answer("201 Created", "");
  });
  util::HttpClient client("builder/test");
  util::HttpRequest request = get(server.url("/x"));
  request.method = "POST";
  CHECK(client.perform(request).status == 201);
  CHECK(seen.starts_with("POST /x HTTP/1.1\r\n"));
  CHECK(seen.find("Content-Length: 0\r\n") != std::string::npos);
  CHECK(seen.find("Content-Type") == std::string::npos);
  CHECK(seen.find("User-Agent: builder/test\r\n") != std::string::npos);

  request.method = "PUT";
  request.body = "data";
  request.headers = {{"Content-Type", "text/plain"}, {"X-Empty", ""}};
  client.perform(request);
  CHECK(seen.starts_with("PUT /x HTTP/1.1\r\n"));
  CHECK(seen.ends_with("\r\n\r\ndata"));
  CHECK(seen.find("Content-Type: text/plain\r\n") != std::string::npos);
  CHECK(seen.find("X-Empty:\r\n") != std::string::npos);

  request.method = "DELETE";
  request.body.clear();
  client.perform(request);
  CHECK(seen.starts_with("DELETE /x "));
}

TEST_CASE("HEAD has no body") {
  LoopbackServer server(
      [&](const std::string&) { return std::string("HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n"); });
  util::HttpClient client("builder/test");
  util::HttpRequest request = get(server.url("/"));
  request.method = "HEAD";
  CHECK(client.perform(request).header("content-length") == "77");
}

TEST_CASE("an upload is streamed from its reader") {
  std::string data(2 << 20, 'u');
  std::string seen;
  LoopbackServer server([&](const std::string& request) {
    seen = request;
    return answer("201 Created", "");
  });
  util::HttpClient client("builder/test");
  util::HttpRequest request = get(server.url("/"));
  request.method = "PUT";
  util::StringReader reader(data);
  request.body_reader = &reader;
  request.body_size = data.size();
  CHECK(client.perform(request).status == 201);
  CHECK(seen.substr(seen.find("\r\n\r\n") + 4) == data);

  util::StringReader tail("too short");
  request.body_reader = &tail;
  CHECK_THROWS_WITH_AS(client.perform(request), doctest::Contains("too early"), util::Error);
}

TEST_CASE("redirects are followed; credentials stay at the place they were given for") {
  std::vector<std::string> seen;
  LoopbackServer other([&](const std::string& request) {
    seen.push_back(request);
    return answer("200 OK", "there");
  });
  LoopbackServer server([&](const std::string& request) {
    seen.push_back(request);
    if (request.starts_with("GET /a ")) return answer("302 Found", "", "Location: b\r\n");
    return answer("307 Temporary Redirect", "", "Location: " + other.url("/c?d=e") + "\r\n");
  });
  util::HttpClient client("builder/test");
  util::HttpRequest request = get(server.url("/a"));
  request.headers = {{"Authorization", "Bearer secret"}, {"X-Plain", "1"}};
  util::StringWriter sink;
  util::HttpResponse response = client.perform(request, &sink);
  CHECK(sink.text() == "there");
  CHECK(response.final_url == other.url("/c?d=e"));
  REQUIRE(seen.size() == 3);
  CHECK(seen[1].starts_with("GET /b "));
  CHECK(seen[1].find("secret") != std::string::npos);
  CHECK(seen[2].starts_with("GET /c?d=e "));
  CHECK(seen[2].find("secret") == std::string::npos);
  CHECK(seen[2].find("X-Plain: 1") != std::string::npos);
}

TEST_CASE("redirects are returned when not wanted, when endless an error, to other protocols not followed") {
  LoopbackServer server([&](const std::string& request) {
    if (request.starts_with("GET /file ")) return answer("302 Found", "", "Location: file:///etc/passwd\r\n");
    return answer("302 Found", "", "Location: /again\r\n");
  });
  util::HttpClient client("builder/test");
  CHECK_THROWS_WITH_AS(client.perform(get(server.url("/"))), doctest::Contains("more than 10 redirects"),
                       util::HttpError);
  CHECK(client.perform(get(server.url("/file"))).status == 302);
  util::HttpRequest request = get(server.url("/"));
  request.follow_redirects = false;
  CHECK(client.perform(request).header("location") == "/again");
}

TEST_CASE("a POST becomes a GET after 303 and stays one after 307, with its body") {
  std::string seen;
  LoopbackServer server([&](const std::string& request) {
    seen = request;
    if (request.starts_with("POST /see ")) return answer("303 See Other", "", "Location: /end\r\n");
    if (request.starts_with("POST /same ")) return answer("307 Temporary Redirect", "", "Location: /end\r\n");
    return answer("200 OK", "");
  });
  util::HttpClient client("builder/test");
  util::HttpRequest request = get(server.url("/see"));
  request.method = "POST";
  request.body = "form";
  client.perform(request);
  CHECK(seen.starts_with("GET /end "));
  request.url = server.url("/same");
  client.perform(request);
  CHECK(seen.starts_with("POST /end "));
  CHECK(seen.ends_with("form"));
}

TEST_CASE("a cut-off body is a temporary error") {
  LoopbackServer server([](const std::string&) {
    return std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nabc");
  });
  util::HttpClient client("builder/test");
  try {
    client.perform(get(server.url("/")));
    FAIL("no error");
  } catch (const util::HttpError& error) {
    CHECK(error.temporary());
    CHECK(error.message().starts_with("GET `" + server.url("/") + "`: "));
  }
}

TEST_CASE("a refused connection is temporary, a wrong URL is not") {
  int port;
  {
    LoopbackServer server([](const std::string&) { return std::string(); });
    port = server.port();
  }
  util::HttpClient client("builder/test");
  auto temporary = [&](const std::string& url) {
    try {
      client.perform(get(url));
    } catch (const util::HttpError& error) {
      return error.temporary();
    }
    FAIL("no error");
    return false;
  };
  CHECK(temporary("http://127.0.0.1:" + std::to_string(port) + "/"));
  CHECK_FALSE(temporary("file:///etc/passwd"));
  CHECK_FALSE(temporary("http://"));
}

TEST_CASE("a stop request ends a waiting transfer at once") {
  std::stop_source stop;
  LoopbackServer server([&](const std::string&) {
    stop.request_stop();
    return std::string();
  });
  util::HttpClient client("builder/test");
  auto begin = std::chrono::steady_clock::now();
  CHECK_THROWS_AS(client.perform(get(server.url("/")), nullptr, stop.get_token()), util::Cancelled);
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
}

TEST_CASE("a server that goes silent is given up") {
  LoopbackServer server([](const std::string&) { return std::string(); });
  util::HttpClient client("builder/test");
  util::HttpRequest request = get(server.url("/"));
  request.stall_timeout = 1s;
  CHECK_THROWS_AS(client.perform(request), util::HttpError);
}

TEST_CASE("an error of the sink comes out as it is") {
  class Full final : public util::Writer {
    void write(util::Bytes) override { throw util::Error("disk full"); }
  } sink;
  LoopbackServer server([](const std::string&) { return answer("200 OK", "x"); });
  util::HttpClient client("builder/test");
  CHECK_THROWS_WITH(client.perform(get(server.url("/")), &sink), "disk full");
}

TEST_CASE("many threads may use one client") {
  LoopbackServer server(
      [](const std::string& request) { return answer("200 OK", request.substr(4, request.find(' ', 4) - 4)); });
  util::HttpClient client("builder/test");
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        std::string path = "/" + std::to_string(t * 100 + i);
        if (client.perform(get(server.url(path))).body == path) ++right;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 160);
}

TEST_CASE("loopback is reached without the proxy of the environment") {
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  LoopbackServer server([](const std::string&) { return answer("200 OK", "direct"); });
  util::HttpClient client("builder/test");
  CHECK(client.perform(get(server.url("/"))).body == "direct");
  unsetenv("http_proxy");
}

TEST_CASE("the proxy of the environment is used, in small letters or capitals") {
  LoopbackServer proxy(
      [](const std::string& request) { return answer("200 OK", request.substr(0, request.find("\r\n"))); });
  util::HttpClient client("builder/test");
  for (const char* name : {"http_proxy", "HTTP_PROXY"}) {
    setenv(name, proxy.url("").c_str(), 1);
    CHECK(client.perform(get("http://example.invalid/x")).body == "GET http://example.invalid/x HTTP/1.1");
    unsetenv(name);
  }
}

TEST_CASE("line breaks in headers are refused") {
  util::HttpClient client("builder/test");
  util::HttpRequest request = get("http://127.0.0.1:1/");
  request.headers = {{"X", "a\r\nY: b"}};
  CHECK_THROWS_WITH_AS(client.perform(request), doctest::Contains("line break"), util::HttpError);
}

TEST_CASE("URLs are shown without user and password") {
  CHECK(util::display_url("https://user:p@ss@host/path@x?y=@") == "https://host/path@x?y=@");
  CHECK(util::display_url("https://host/a@b") == "https://host/a@b");
  CHECK(util::display_url("http://u@host") == "http://host");
  CHECK(util::display_url("no url @ all") == "no url @ all");
}

TEST_CASE("an origin is scheme, host and port") {
  CHECK(util::url_origin("HTTPS://Host/path") == "https://host:443");
  CHECK(util::url_origin("http://u:p@host:81/") == "http://host:81");
  CHECK(util::url_origin("ftp://host/").empty());
  CHECK(util::is_loopback("http://127.3.2.1:5000/"));
  CHECK(util::is_loopback("http://[::1]/"));
  CHECK(util::is_loopback("https://localhost"));
  CHECK_FALSE(util::is_loopback("http://127.evil.example/"));
  CHECK_FALSE(util::is_loopback("http://10.0.0.1/"));
}
