#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace test {
namespace {

/// Listens on a free loopback port; returns descriptor and port.
std::pair<int, int> listen_somewhere() {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (fd < 0 || bind(fd, generic, size) != 0 || listen(fd, 64) != 0 || getsockname(fd, generic, &size) != 0) {
    throw std::runtime_error("listen on a loopback port");
  }
  return {fd, ntohs(address.sin_port)};
}

void send_all(int fd, std::string_view data) {
  while (!data.empty()) {
    ssize_t count = send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    data.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::optional<HttpCall> receive(int fd) {
  std::string data;
  char buffer[16384];
  auto more = [&] {
    ssize_t count = recv(fd, buffer, sizeof buffer, 0);
    if (count > 0) data.append(buffer, static_cast<std::size_t>(count));
    return count > 0;
  };
  while (data.find("\r\n\r\n") == std::string::npos) {
    if (!more()) return std::nullopt;
  }
  std::size_t end = data.find("\r\n\r\n");
  HttpCall call;
  std::size_t line_end = data.find("\r\n");
  std::string first = data.substr(0, line_end);
  call.method = first.substr(0, first.find(' '));
  std::size_t target = call.method.size() + 1;
  call.target = first.substr(target, first.rfind(' ') - target);
  for (std::size_t at = line_end + 2; at < end;) {
    std::size_t next = data.find("\r\n", at);
    std::string line = data.substr(at, next - at);
    std::size_t colon = line.find(':');
    if (colon != std::string::npos) {
      std::size_t value = line.find_first_not_of(' ', colon + 1);
      call.headers[lower(line.substr(0, colon))] = value == std::string::npos ? "" : line.substr(value);
    }
    at = next + 2;
  }
  std::size_t length = call.headers.contains("content-length") ? std::stoul(call.headers["content-length"]) : 0;
  while (data.size() < end + 4 + length) {
    if (!more()) return std::nullopt;
  }
  call.body = data.substr(end + 4, length);
  return call;
}

}  // namespace

struct HttpServer::State {
  explicit State(Handler h) : handler(std::move(h)) {
    std::tie(listener, port) = listen_somewhere();
    acceptor = std::thread([this] { accept_all(); });
  }
  ~State() {
    shutdown(listener, SHUT_RDWR);
    acceptor.join();
    for (std::thread& thread : serving) thread.join();
    close(listener);
  }

  void accept_all() {
    for (;;) {
      int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      serving.emplace_back([this, fd] {
        serve(fd);
        close(fd);
      });
    }
  }

  void serve(int fd) {
    std::optional<HttpCall> call = receive(fd);
    if (!call) return;
    HttpAnswer answer;
    {
      std::lock_guard lock(mutex);
      calls.push_back(call->method + " " + call->target);
      answer = handler(*call);
    }
    std::string head = "HTTP/1.1 " + std::to_string(answer.status) + " Status\r\nConnection: close\r\n";
    bool has_length = false;
    for (const auto& [name, value] : answer.headers) {
      head += name + ": " + value + "\r\n";
      has_length |= lower(name) == "content-length";
    }
    if (!has_length) head += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n";
    send_all(fd, head + "\r\n");
    if (call->method == "HEAD") return;
    send_all(fd, std::string_view(answer.body).substr(0, answer.cut_after.value_or(answer.body.size())));
  }

  Handler handler;
  int listener = -1;
  int port = 0;
  std::mutex mutex;
  std::vector<std::string> calls;
  std::vector<std::thread> serving;
  std::thread acceptor;
};

HttpServer::HttpServer(Handler handler) : state_(std::make_unique<State>(std::move(handler))) {}
HttpServer::~HttpServer() = default;
int HttpServer::port() const {
  return state_->port;
}

std::vector<std::string> HttpServer::calls() const {
  std::lock_guard lock(state_->mutex);
  return state_->calls;
}

int free_port() {
  auto [fd, port] = listen_somewhere();
  close(fd);
  return port;
}

}  // namespace test
