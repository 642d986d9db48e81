#include "util/http.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <utility>

#include "util/http_curl.h"
#include "util/http_handle.h"
#include "util/http_url.h"
#include "util/sync.h"
#include "util/text.h"

namespace util {
namespace {

constexpr int kMostRedirects = 10;
constexpr std::size_t kMostIdleHandles = 16;
/// Bodies kept in memory are manifests, tokens, small files; an error page of a streamed request may be cut.
constexpr std::size_t kMostBody = std::size_t{256} << 20;
constexpr std::size_t kMostErrorBody = std::size_t{64} << 10;

struct FreeList {
  void operator()(curl_slist* list) const { curl().slist_free_all(list); }
};
struct FreeShare {
  void operator()(CURLSH* share) const { curl().share_cleanup(share); }
};

/// Names resolved and TLS sessions, common to all handles of a client.
class Share {
 public:
  Share() : share_(curl().share_init()) {
    if (!share_) throw Error("start libcurl: not enough memory");
    curl().share_setopt(share_.get(), CURLSHOPT_LOCKFUNC, &Share::lock);
    curl().share_setopt(share_.get(), CURLSHOPT_UNLOCKFUNC, &Share::unlock);
    curl().share_setopt(share_.get(), CURLSHOPT_USERDATA, this);
    curl().share_setopt(share_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl().share_setopt(share_.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  }
  CURLSH* get() const { return share_.get(); }

 private:
  static void lock(CURL*, curl_lock_data data, curl_lock_access, void* self) {
    static_cast<Share*>(self)->mutexes_[data].lock();
  }
  static void unlock(CURL*, curl_lock_data data, void* self) { static_cast<Share*>(self)->mutexes_[data].unlock(); }

  // Bare, because libcurl locks and unlocks in separate callbacks.
  std::array<std::mutex, CURL_LOCK_DATA_LAST> mutexes_;
  std::unique_ptr<CURLSH, FreeShare> share_;
};

/// May the transfer be tried again with hope?
bool is_temporary(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_AGAIN:
      return true;
    default:
      return false;
  }
}

/// State of one request-answer pair, reached from libcurl's callbacks. Exceptions stop in them and are kept.
struct Transfer {
  const HttpRequest& request;
  Writer* sink;
  CURL* easy;
  HttpResponse response;
  std::uint64_t body_sent = 0;
  std::exception_ptr failure;

  long status() const {
    long code = 0;
    curl().easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &code);
    return code;
  }

  template <typename F>
  std::size_t guarded(std::size_t on_failure, F&& f) noexcept {
    try {
      return f();
    } catch (...) {
      failure = std::current_exception();
      return on_failure;
    }
  }

  static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    return transfer.guarded(0, [&] {
      transfer.take_header(std::string_view(data, size));
      return size;
    });
  }
  static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    return transfer.guarded(CURL_WRITEFUNC_ERROR, [&] {
      transfer.take_body(std::string_view(data, size));
      return size;
    });
  }
  static std::size_t on_upload(char* data, std::size_t, std::size_t size, void* self) {
    auto& transfer = *static_cast<Transfer*>(self);
    return transfer.guarded(CURL_READFUNC_ABORT,
                            [&] { return transfer.give_body(std::as_writable_bytes(std::span(data, size))); });
  }

  void take_header(std::string_view line) {
    if (line.starts_with("HTTP/")) {
      // Headers of an interim answer (100 Continue) do not count.
      response.headers.clear();
      return;
    }
    std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return;
    response.headers.emplace(to_lower(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  void take_body(std::string_view data) {
    long code = status();
    if (sink != nullptr && code >= 200 && code < 300) return sink->write(as_bytes(data));
    if (sink != nullptr) {
      std::size_t room = kMostErrorBody - std::min(kMostErrorBody, response.body.size());
      response.body.append(data.substr(0, room));
      return;
    }
    if (response.body.size() + data.size() > kMostBody) throw HttpError("the answer is too large", false);
    response.body.append(data);
  }
  std::size_t give_body(std::span<std::byte> buffer) {
    if (request.body_size == HttpRequest::kUnknownSize) return request.body_reader->read(buffer);
    std::uint64_t left = request.body_size - body_sent;
    if (left == 0) return 0;
    std::size_t count = request.body_reader->read(buffer.first(std::min<std::uint64_t>(buffer.size(), left)));
    if (count == 0) throw Error(fmt::format("the data to be sent end {} bytes too early", left));
    body_sent += count;
    return count;
  }
};

template <typename T>
void set(CURL* easy, CURLoption option, T value) {
  CURLcode code = curl().easy_setopt(easy, option, value);
  if (code != CURLE_OK) throw HttpError(curl().easy_strerror(code), false);
}

void set_method(CURL* easy, const HttpRequest& request, const std::string& method) {
  if (request.body_reader != nullptr) {
    set(easy, CURLOPT_UPLOAD, 1L);
    const bool known = request.body_size != HttpRequest::kUnknownSize;
    set(easy, CURLOPT_INFILESIZE_LARGE, known ? static_cast<curl_off_t>(request.body_size) : curl_off_t{-1});
    set(easy, CURLOPT_READFUNCTION, &Transfer::on_upload);
    set(easy, CURLOPT_UPLOAD_BUFFERSIZE, 512L << 10);
    set(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
  } else if (method == "GET") {
    set(easy, CURLOPT_HTTPGET, 1L);
  } else if (method == "HEAD") {
    set(easy, CURLOPT_NOBODY, 1L);
  } else {
    if (method == "POST" || method == "PUT" || method == "PATCH" || !request.body.empty()) {
      set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(easy, CURLOPT_POSTFIELDS, request.body.c_str());
    }
    set(easy, CURLOPT_CUSTOMREQUEST, method.c_str());
  }
}

void set_tls(CURL* easy, const HttpRequest& request) {
  if (!request.verify_tls) {
    set(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
  const char* environment = std::getenv("SSL_CERT_FILE");
  if (!request.ca_file.empty()) {
    set(easy, CURLOPT_CAINFO, request.ca_file.c_str());
  } else if (environment != nullptr && *environment != '\0') {
    set(easy, CURLOPT_CAINFO, environment);
  }
  if (!request.client_cert.empty()) set(easy, CURLOPT_SSLCERT, request.client_cert.c_str());
  if (!request.client_key.empty()) set(easy, CURLOPT_SSLKEY, request.client_key.c_str());
}

/// libcurl reads the proxy variables itself, but for HTTP_PROXY in capitals, which a CGI program must not trust.
void set_proxy(CURL* easy, const std::string& url) {
  if (is_loopback(url)) {
    set(easy, CURLOPT_PROXY, "");
    return;
  }
  const char* capital = std::getenv("HTTP_PROXY");
  if (url_origin(url).starts_with("http:") && capital != nullptr && std::getenv("http_proxy") == nullptr &&
      std::getenv("REQUEST_METHOD") == nullptr) {
    set(easy, CURLOPT_PROXY, capital);
  }
}

std::unique_ptr<curl_slist, FreeList> header_list(const HttpRequest& request, bool with_credentials) {
  std::unique_ptr<curl_slist, FreeList> list;
  auto add = [&](const std::string& line) {
    curl_slist* longer = curl().slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw HttpError("not enough memory", false);
    (void)list.release();
    list.reset(longer);
  };
  bool content_type = false;
  auto add_header = [&](const std::string& name, const std::string& value) {
    if (name.find_first_of("\r\n:") != std::string::npos || value.find_first_of("\r\n") != std::string::npos) {
      throw HttpError(fmt::format("header `{}` has a line break", name), false);
    }
    content_type |= equal_ignoring_case(name, "content-type");
    // A header without value is written so; "name:" would remove it.
    add(value.empty() ? name + ";" : name + ": " + value);
  };
  for (const auto& [name, value] : request.headers) {
    bool credential = equal_ignoring_case(name, "authorization") || equal_ignoring_case(name, "cookie");
    if (!credential || with_credentials) add_header(name, value);
  }
  if (with_credentials) {
    for (const auto& [name, value] : request.origin_headers) add_header(name, value);
  }
  // What libcurl adds by itself: a wait of a second before uploads, and a form's type.
  add("Expect:");
  if (!content_type) add("Content-Type:");
  return list;
}

void set_timeouts(CURL* easy, const HttpRequest& request) {
  set(easy, CURLOPT_CONNECTTIMEOUT, static_cast<long>(request.connect_timeout.count()));
  set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  set(easy, CURLOPT_NOSIGNAL, 1L);
}

/// Where an answer sends us, or nullopt if it does not or must not be followed.
std::optional<std::string> redirect_target(const HttpResponse& response, const std::string& url) {
  static constexpr std::array kRedirects = {301, 302, 303, 307, 308};
  if (std::find(kRedirects.begin(), kRedirects.end(), response.status) == kRedirects.end()) return std::nullopt;
  std::optional<std::string> location = response.header("location");
  if (!location || location->empty()) return std::nullopt;
  return resolve_url(url, *location);
}

}  // namespace

std::optional<std::string> HttpResponse::header(const std::string& lower_case_name) const {
  auto found = headers.find(lower_case_name);
  if (found == headers.end()) return std::nullopt;
  return found->second;
}

struct HttpClient::State {
  std::string user_agent;
  // Declared before the handles: they use it until they are gone.
  std::unique_ptr<Share> share;
  std::once_flag share_once;
  Sync<std::vector<std::unique_ptr<HttpHandle>>> idle;

  /// An idle handle, rather one that has a connection to the place; or a new one.
  std::unique_ptr<HttpHandle> take(const std::string& origin) {
    std::call_once(share_once, [&] { share = std::make_unique<Share>(); });
    auto handles = idle.lock();
    if (handles->empty()) return std::make_unique<HttpHandle>();
    auto match = std::find_if(handles->begin(), handles->end(), [&](const auto& h) { return h->origin == origin; });
    if (match == handles->end()) match = handles->end() - 1;
    std::unique_ptr<HttpHandle> handle = std::move(*match);
    handles->erase(match);
    return handle;
  }
  void give_back(std::unique_ptr<HttpHandle> handle) {
    auto handles = idle.lock();
    if (handles->size() < kMostIdleHandles) handles->push_back(std::move(handle));
  }

  HttpResponse perform_once(const HttpRequest& request, const std::string& url, const std::string& method,
                            bool with_credentials, Writer* sink, const std::stop_token& stop);
};

HttpResponse HttpClient::State::perform_once(const HttpRequest& request, const std::string& url,
                                             const std::string& method, bool with_credentials, Writer* sink,
                                             const std::stop_token& stop) {
  const std::string origin = request.unix_socket + url_origin(url);
  std::unique_ptr<HttpHandle> handle = take(origin);
  if (!handle->multi || !handle->easy) throw HttpError("start libcurl: not enough memory", false);
  CURL* easy = handle->easy.get();
  curl().easy_reset(easy);
  Transfer transfer{request, sink, easy, {}, 0, nullptr};
  std::array<char, CURL_ERROR_SIZE> text{};
  set(easy, CURLOPT_ERRORBUFFER, text.data());
  set(easy, CURLOPT_SHARE, share->get());
  set(easy, CURLOPT_URL, url.c_str());
  set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  set(easy, CURLOPT_USERAGENT, user_agent.c_str());
  set(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  set(easy, CURLOPT_BUFFERSIZE, 256L << 10);
  set(easy, CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(easy, CURLOPT_HEADERDATA, &transfer);
  set(easy, CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(easy, CURLOPT_WRITEDATA, &transfer);
  set(easy, CURLOPT_READDATA, &transfer);
  set_method(easy, request, method);
  set_tls(easy, request);
  if (request.unix_socket.empty()) {
    set_proxy(easy, url);
  } else {
    set(easy, CURLOPT_PROXY, "");
    set(easy, CURLOPT_UNIX_SOCKET_PATH, request.unix_socket.c_str());
  }
  set_timeouts(easy, request);
  set(easy, CURLOPT_SOCKOPTFUNCTION, &HttpHandle::on_socket);
  set(easy, CURLOPT_SOCKOPTDATA, handle.get());
  set(easy, CURLOPT_CLOSESOCKETFUNCTION, &HttpHandle::on_close);
  set(easy, CURLOPT_CLOSESOCKETDATA, handle.get());
  auto headers = header_list(request, with_credentials);
  set(easy, CURLOPT_HTTPHEADER, headers.get());

  CURLcode code = drive(*handle, request.stall_timeout, transfer.failure, stop);
  if (transfer.failure) std::rethrow_exception(transfer.failure);
  if (code != CURLE_OK) {
    std::string cause = text[0] != '\0' ? text.data() : curl().easy_strerror(code);
    // libcurl itself says only that it could not connect.
    long reason = 0;
    curl().easy_getinfo(easy, CURLINFO_OS_ERRNO, &reason);
    if (code == CURLE_COULDNT_CONNECT && reason != 0)
      cause = SystemError("connect", static_cast<int>(reason)).message();
    throw HttpError(cause, is_temporary(code));
  }
  transfer.response.status = static_cast<int>(transfer.status());
  transfer.response.final_url = display_url(url);
  handle->origin = origin;
  // The handle must not keep pointers into this frame.
  curl().easy_reset(easy);
  give_back(std::move(handle));
  return std::move(transfer.response);
}

HttpClient::HttpClient(std::string user_agent) : state_(std::make_unique<State>()) {
  state_->user_agent = std::move(user_agent);
}

HttpClient::~HttpClient() = default;

HttpResponse HttpClient::perform(const HttpRequest& request, Writer* sink, std::stop_token stop) {
  HttpRequest current = request;
  std::string url = request.url;
  bool with_credentials = true;
  for (int redirects = 0;; ++redirects) {
    HttpResponse response;
    try {
      response = state_->perform_once(current, url, current.method, with_credentials, sink, stop);
    } catch (HttpError& error) {
      error.add_context(fmt::format("{} `{}`", current.method, display_url(url)));
      throw;
    }
    if (!current.follow_redirects) return response;
    std::optional<std::string> target = redirect_target(response, url);
    if (!target) return response;
    bool resend = response.status == 307 || response.status == 308;
    // A stream cannot be sent twice: the caller, who can make another one, gets the answer.
    if (resend && current.body_reader != nullptr) return response;
    if (redirects == kMostRedirects) {
      throw HttpError(
          fmt::format("{} `{}`: more than {} redirects", current.method, display_url(request.url), kMostRedirects),
          false);
    }
    if (!resend && current.method != "GET" && current.method != "HEAD") {
      current.method = "GET";
      current.body.clear();
      current.body_reader = nullptr;
      std::erase_if(current.headers,
                    [](const auto& header) { return equal_ignoring_case(header.first, "content-type"); });
    }
    // Once given away, credentials stay at home: another host could send us back with its own path.
    with_credentials = with_credentials && url_origin(*target) == url_origin(url);
    url = *target;
  }
}

}  // namespace util
