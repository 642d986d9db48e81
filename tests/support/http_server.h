#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace test {

struct HttpCall {
  std::string method;
  std::string target;                          ///< path and query
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

struct HttpAnswer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::optional<std::size_t> cut_after;  ///< closes the connection after that many bytes of the body
};

/// A scripted http server on a loopback port; the handler is called for one request at a time. Stopped by the
/// destructor.
class HttpServer {
 public:
  using Handler = std::function<HttpAnswer(const HttpCall&)>;
  explicit HttpServer(Handler handler);
  ~HttpServer();
  int port() const;
  std::string host() const { return "127.0.0.1:" + std::to_string(port()); }
  std::string url(const std::string& path) const { return "http://" + host() + path; }
  /// Everything asked so far, as "METHOD /target".
  std::vector<std::string> calls() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A loopback port on which nothing listens.
int free_port();

}  // namespace test
