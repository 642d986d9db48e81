#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "util/error.h"
#include "util/stream.h"

namespace util {

struct HttpRequest {
  /// As `body_size`: it is not known, the body goes in chunks.
  static constexpr std::uint64_t kUnknownSize = std::numeric_limits<std::uint64_t>::max();

  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::pair<std::string, std::string>> origin_headers;  ///< not for another host that a redirect names
  std::string body;                              ///< for POST/PUT of small things
  Reader* body_reader = nullptr;                 ///< streamed upload (with `body_size`)
  std::uint64_t body_size = 0;
  std::string unix_socket;                       ///< path of a socket to connect to instead of the URL's host
  bool follow_redirects = true;                  ///< Authorization is not sent to another host
  bool verify_tls = true;
  std::string ca_file;                           ///< PEM bundle, empty = system
  std::string client_cert, client_key;
  std::chrono::seconds connect_timeout{30};
  std::chrono::seconds stall_timeout{60};        ///< no byte for this long = failure
};

struct HttpResponse {
  int status = 0;
  std::multimap<std::string, std::string> headers;  ///< names in lower case
  std::string body;                                 ///< unless it went to a sink
  std::string final_url;                            ///< after redirects, without user info
  std::optional<std::string> header(const std::string& lower_case_name) const;
};

/// Error of transport (no HTTP status): DNS, refused connection, TLS, time-out, cut body.
/// `temporary` says whether a retry makes sense.
class HttpError : public Error {
 public:
  HttpError(const std::string& message, bool temporary) : Error(message), temporary_(temporary) {}
  bool temporary() const { return temporary_; }

 private:
  bool temporary_;
};

/// One libcurl wrapper; connections are kept and reused. Thread-safe: any number of requests may run
/// at once on different threads.
class HttpClient {
 public:
  explicit HttpClient(std::string user_agent);
  ~HttpClient();
  /// Performs one request. With `sink`, the body of a 2xx answer is streamed there and not kept.
  /// A body shorter than its Content-Length is an HttpError. Any HTTP status is returned, not thrown.
  /// Throws HttpError, Cancelled.
  HttpResponse perform(const HttpRequest& request, Writer* sink = nullptr, std::stop_token stop = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `url` without user:password@.
std::string display_url(const std::string& url);

}  // namespace util
