#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "oci/registry.h"
#include "oci/registry_config.h"
#include "oci/registry_host.h"
#include "util/http.h"
#include "util/sync.h"

namespace oci {

struct RegistryRequest {
  std::string method = "GET";
  RegistryLocation location;
  std::string target;   ///< below the repository ("manifests/v1") or the API ("/"), or an absolute URL
  std::string actions;  ///< on the repository, that the token must allow: "pull", "pull,push"; "" = none
  std::string scopes;   ///< further ones of the token
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::function<std::unique_ptr<util::Reader>()> open;  ///< streamed body, opened once per try
  std::uint64_t size = 0;                               ///< of the streamed body
  bool follow_redirects = true;
};

/// Decides whether and when something is tried again: at most 5 tries, 2 when nobody answers at all or any more. A
/// mirror gets 2 and 1: there is another place to ask.
class RetryPolicy {
 public:
  RetryPolicy(std::chrono::milliseconds delay, std::stop_token stop, bool mirror = false)
      : delay_(delay), stop_(std::move(stop)), mirror_(mirror) {}
  /// Waits and returns true, or false when it is time to give up. Throws Cancelled.
  bool after(const util::HttpError& fault);
  bool after(const util::HttpResponse& answer);
  /// Something was achieved: counts anew.
  void progress() { tries_ = 1; }

 private:
  bool wait(int limit, std::chrono::milliseconds least);

  std::chrono::milliseconds delay_;
  std::stop_token stop_;
  bool mirror_;
  int tries_ = 1;
};

/// Exchanges with registries: connection, authentication, retries. Thread-safe.
class RegistrySession {
 public:
  explicit RegistrySession(std::chrono::milliseconds retry_delay, CredentialStore credentials = CredentialStore())
      : retry_delay_(retry_delay), http_("builder"), credentials_(std::move(credentials)) {}

  /// One exchange; a 401 is answered with (new) credentials. Throws HttpError, Cancelled.
  util::HttpResponse exchange(const RegistryRequest& request, util::Writer* sink, std::stop_token stop);
  /// The same with retries. With `body`, a 2xx body goes there, at most `limit` bytes. Throws RegistryError when
  /// the registry cannot be reached.
  util::HttpResponse send(const RegistryRequest& request, std::stop_token stop, std::string* body = nullptr,
                          std::size_t limit = 0);

  RetryPolicy retry_policy(const RegistryLocation& location, std::stop_token stop) const {
    return {retry_delay_, std::move(stop), location.mirror};
  }
  std::chrono::milliseconds retry_delay() const { return retry_delay_; }
  RegistryHost& host(const RegistryEndpoint& endpoint);
  RegistryConfig& config() { return config_; }
  /// The URL of a request's target.
  std::string url(const RegistryRequest& request, std::stop_token stop);

 private:
  util::HttpResponse perform(const RegistryRequest& request, const RegistryEndpoint& endpoint, const std::string& url,
                             const std::string& authorization, util::Writer* sink, std::stop_token stop);

  std::chrono::milliseconds retry_delay_;
  util::HttpClient http_;
  CredentialStore credentials_;
  RegistryConfig config_;
  util::Sync<std::map<std::string, std::unique_ptr<RegistryHost>>> hosts_;
};

/// ``connect to registry `HOST`: cause``.
RegistryError transport_error(const std::string& host, const util::HttpError& fault);
/// "registry returned 401 unauthorized", with what the registry says about it.
RegistryError status_error(const std::string& host, const util::HttpResponse& answer);
/// First error of the registry's answer: code ("NAME_UNKNOWN") and message; empty when it has none.
std::pair<std::string, std::string> error_of(const util::HttpResponse& answer);

/// Token scope "repository:NAME:pull,push".
std::string scope(const std::string& repository, std::string_view actions);
std::string percent_encode(std::string_view text);
/// "host:port" of a URL, in lower case.
std::string authority_of(const std::string& url);

}  // namespace oci
