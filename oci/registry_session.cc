#include "oci/registry_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>

#include "oci/json_text.h"
#include "util/error.h"
#include "util/stats.h"
#include "util/text.h"
#include "util/time.h"

namespace oci {
namespace {

constexpr int kTries = 5;
constexpr int kTriesUnreachable = 2;
constexpr std::chrono::seconds kMaxRetryAfter{30};
constexpr std::chrono::milliseconds kMaxDelay{8000};
constexpr std::size_t kMaxDetail = 300;

bool is_temporary(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

/// Nobody is there, or somebody who says nothing: waiting longer will not help.
bool is_unreachable(const std::string& message) {
  std::string text = util::to_lower(message);
  for (std::string_view sign :
       {"refused", "resolve", "unreachable", "no route", "connect to", "connection timed out", "nothing moved"}) {
    if (text.find(sign) != std::string::npos) return true;
  }
  return false;
}

/// The words of libcurl and the system for a connection that ended too early.
bool is_cut(const std::string& text) {
  for (std::string_view sign :
       {"broken pipe", "reset by peer", "transfer closed", "empty reply", "rewind", "was cut"}) {
    if (text.find(sign) != std::string::npos) return true;
  }
  return false;
}

/// Between half of it and all of it, so that many clients do not come back at the same moment.
std::chrono::milliseconds with_jitter(std::chrono::milliseconds delay) {
  thread_local std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<std::int64_t> spread(delay.count() / 2, delay.count());
  return std::chrono::milliseconds(spread(random));
}

void sleep(std::chrono::milliseconds delay, std::stop_token stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop, delay, [] { return false; });
  if (stop.stop_requested()) throw util::Cancelled();
}

/// Seconds, or a date (RFC 9110 section 10.2.3).
std::optional<std::chrono::seconds> retry_after(const util::HttpResponse& answer) {
  std::string value = answer.header("retry-after").value_or("");
  if (value.empty()) return std::nullopt;
  if (value.find_first_not_of("0123456789") == std::string::npos) {
    return std::chrono::seconds(value.size() > 6 ? 999'999 : std::stol(value));
  }
  std::tm date{};
  const char* end = strptime(value.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (end == nullptr || *end != '\0') return std::nullopt;
  std::int64_t wait = timegm(&date) - util::now_nanoseconds() / 1'000'000'000;
  return std::chrono::seconds(std::max<std::int64_t>(wait, 0));
}

class LimitedWriter final : public util::Writer {
 public:
  LimitedWriter(std::string& to, std::size_t limit) : to_(to), limit_(limit) {}
  void write(util::Bytes data) override {
    if (data.size() > limit_ - to_.size()) throw util::Error(fmt::format("the answer is longer than {} bytes", limit_));
    to_.append(reinterpret_cast<const char*>(data.data()), data.size());
  }

 private:
  std::string& to_;
  std::size_t limit_;
};

std::string_view status_text(int status) {
  switch (status) {
    case 400:
      return " bad request";
    case 401:
      return " unauthorized";
    case 403:
      return " forbidden";
    case 404:
      return " not found";
    case 405:
      return " method not allowed";
    case 413:
      return " content too large";
    case 429:
      return " too many requests";
    case 500:
      return " internal server error";
    case 502:
      return " bad gateway";
    case 503:
      return " service unavailable";
    case 504:
      return " gateway timeout";
    default:
      return "";
  }
}

/// Foreign text for one line of a message.
std::string printable(std::string text) {
  if (text.size() > kMaxDetail) text.resize(kMaxDetail);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return std::string(util::trim(text));
}

}  // namespace

bool RetryPolicy::wait(int limit, std::chrono::milliseconds least) {
  if (mirror_) limit /= 2;
  if (tries_ >= limit) return false;
  auto delay = std::min(delay_ * (1 << (tries_ - 1)), kMaxDelay);
  ++tries_;
  sleep(std::max(with_jitter(delay), least), stop_);
  return true;
}

bool RetryPolicy::after(const util::HttpError& fault) {
  if (is_unreachable(fault.message())) return wait(kTriesUnreachable, {});
  return fault.temporary() && wait(kTries, {});
}

bool RetryPolicy::after(const util::HttpResponse& answer) {
  if (!is_temporary(answer.status)) return false;
  auto asked = retry_after(answer).value_or(std::chrono::seconds(0));
  return asked <= kMaxRetryAfter && wait(kTries, asked);
}

RegistryHost& RegistrySession::host(const RegistryEndpoint& endpoint) {
  auto hosts = hosts_.lock();
  auto& entry = (*hosts)[endpoint.key()];
  if (!entry) entry = std::make_unique<RegistryHost>(endpoint, http_, credentials_);
  return *entry;
}

std::string RegistrySession::url(const RegistryRequest& request, std::stop_token stop) {
  if (request.target.find("://") != std::string::npos) return request.target;
  RegistryEndpoint endpoint = host(request.location.endpoint).endpoint(stop);
  std::string url = endpoint.origin() + endpoint.path;
  if (!request.target.starts_with('/')) url += "/" + request.location.repository + "/";
  url += request.target;
  if (!endpoint.ns.empty()) {
    url += fmt::format("{}ns={}", url.find('?') == std::string::npos ? '?' : '&', percent_encode(endpoint.ns));
  }
  return url;
}

util::HttpResponse RegistrySession::perform(const RegistryRequest& request, const RegistryEndpoint& endpoint,
                                            const std::string& url, const std::string& authorization,
                                            util::Writer* sink, std::stop_token stop) {
  static util::Counter& requests = util::counter("registry.requests");
  requests.add();
  util::HttpRequest http;
  http.method = request.method;
  http.url = url;
  http.headers = request.headers;
  if (!authorization.empty()) http.headers.emplace_back("Authorization", authorization);
  http.body = request.body;
  std::unique_ptr<util::Reader> reader;
  if (request.open) {
    reader = request.open();
    http.body_reader = reader.get();
    http.body_size = request.size;
  }
  http.follow_redirects = request.follow_redirects;
  endpoint.prepare(http);
  return http_.perform(http, sink, stop);
}

util::HttpResponse RegistrySession::exchange(const RegistryRequest& request, util::Writer* sink, std::stop_token stop) {
  RegistryHost& registry = host(request.location.endpoint);
  RegistryEndpoint endpoint = registry.endpoint(stop);
  std::string url = this->url(request, stop);
  bool same_host = authority_of(url) == endpoint.authority;
  // A proxy in front of a registry may make it say http:// about itself.
  if (same_host) url = endpoint.origin() + url.substr(url.find("://") + 3 + endpoint.authority.size());
  if (!same_host) {
    // An upload or foreign layer elsewhere carries its own permission in the URL.
    RegistryEndpoint other;
    return perform(request, other, url, {}, sink, stop);
  }
  std::string scopes = request.actions.empty() ? "" : scope(request.location.repository, request.actions);
  if (!request.scopes.empty()) scopes += " " + request.scopes;
  std::string authorization = registry.authorization(scopes, stop);
  util::HttpResponse response = perform(request, endpoint, url, authorization, sink, stop);
  if (endpoint.scheme == "http" && registry.turn_to_tls(response, stop)) return exchange(request, sink, stop);
  // Without credentials the first refusal is only the question for them; a token may run out on its way once.
  for (int left = authorization.empty() ? 2 : 1; left > 0 && response.status == 401; --left) {
    std::string renewed = registry.reauthorize(scopes, authorization, response, stop);
    if (renewed.empty()) break;
    authorization = renewed;
    response = perform(request, endpoint, url, authorization, sink, stop);
  }
  return response;
}

util::HttpResponse RegistrySession::send(const RegistryRequest& request, std::stop_token stop, std::string* body,
                                         std::size_t limit) {
  RetryPolicy retry = retry_policy(request.location, stop);
  for (;;) {
    try {
      std::optional<LimitedWriter> sink;
      if (body != nullptr) {
        body->clear();
        sink.emplace(*body, limit);
      }
      util::HttpResponse response = exchange(request, sink ? &*sink : nullptr, stop);
      if (!retry.after(response)) return response;
    } catch (const util::HttpError& fault) {
      if (!retry.after(fault)) throw transport_error(request.location.endpoint.name, fault);
    }
  }
}

RegistryError transport_error(const std::string& host, const util::HttpError& fault) {
  std::string cause = fault.message();
  std::string text = util::to_lower(cause);
  std::string hint;
  if (text.find("refused") != std::string::npos) {
    cause = "connection refused";
    hint = "nothing listens there; check the host and port, or start the registry";
  } else if (text.find("resolve") != std::string::npos) {
    cause = "host name could not be resolved";
    hint = "check the name and the network connection";
  } else if (is_cut(text)) {
    cause = "the connection was cut";
    hint = "try again later, or check what is between here and the registry";
  } else if (text.find("nothing moved") != std::string::npos) {
    cause = "it does not answer any more";
    hint = "try again later; BUILDER_REGISTRY_TIMEOUT sets after how many seconds of silence a registry is given up";
  } else if (size_t quote = cause.rfind("`: "); quote != std::string::npos) {
    cause.erase(0, quote + 3);
  }
  if (text.find("certificate") != std::string::npos || text.find("ssl") != std::string::npos) {
    hint = fmt::format(
        "put the registry's authority into /etc/docker/certs.d/{}/ca.crt, or list the host in "
        "BUILDER_INSECURE_REGISTRIES",
        host);
  }
  std::string_view attempt = is_unreachable(text) ? "connect to" : "exchange with";
  return {RegistryError::Kind::unreachable, fmt::format("{} registry `{}`: {}", attempt, host, cause), hint};
}

RegistryError status_error(const std::string& host, const util::HttpResponse& answer) {
  std::string message = fmt::format("registry returned {}{}", answer.status, status_text(answer.status));
  if (std::string detail = error_of(answer).second; !detail.empty()) message += fmt::format(" ({})", detail);
  switch (answer.status) {
    case 401:
    case 403:
      return {
          RegistryError::Kind::unauthorized, message,
          fmt::format("check the name, or run `builder login{}`: a registry answers so for missing repositories too",
                      host == "docker.io" ? "" : " " + host)};
    case 404:
      return {RegistryError::Kind::not_found, message};
    case 429:
      return {RegistryError::Kind::unreachable, message,
              fmt::format("the registry limits requests; wait, or run `builder login{}`",
                          host == "docker.io" ? "" : " " + host)};
    default:
      return {is_temporary(answer.status) ? RegistryError::Kind::unreachable : RegistryError::Kind::refused, message};
  }
}

std::pair<std::string, std::string> error_of(const util::HttpResponse& answer) {
  if (answer.body.empty() || answer.body.front() != '{') return {};
  try {
    nlohmann::json value = parse_object(answer.body, "answer of the registry");
    std::vector<JsonFields> errors = JsonFields(value, "answer").objects("errors");
    if (!errors.empty()) return {errors[0].text("code"), printable(errors[0].text("message"))};
    return {std::string(), printable(JsonFields(value, "answer").text("details"))};
  } catch (const util::Error&) {
    return {};
  }
}

std::string scope(const std::string& repository, std::string_view actions) {
  return fmt::format("repository:{}:{}", repository, actions);
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                 c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string authority_of(const std::string& url) {
  std::size_t begin = url.find("://");
  begin = begin == std::string::npos ? 0 : begin + 3;
  return util::to_lower(url.substr(begin, url.find_first_of("/?#", begin) - begin));
}

}  // namespace oci
