#include "oci/registry_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "oci/json_text.h"
#include "oci/registry_session.h"
#include "util/error.h"
#include "util/http_url.h"
#include "util/text.h"
#include "util/time.h"

namespace oci {
namespace {

constexpr int kParallelTransfers = 4;
constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kDefaultLifetime = 60;
constexpr std::int64_t kMaxLifetime = 24 * 3600;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : value;
}

std::string without_port(const std::string& host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.rfind(':'));
}

bool listed_insecure(const std::string& host) {
  for (const std::string& entry : util::split(environment("BUILDER_INSECURE_REGISTRIES"), ',')) {
    std::string_view name = util::trim(entry);
    if (!name.empty() && (name == host || name == without_port(host))) return true;
  }
  return false;
}

/// First file with that ending in a certs.d directory.
std::string file_with_suffix(const std::filesystem::path& directory, std::string_view suffix) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    std::string name = entry.path().filename();
    if (name.ends_with(suffix)) found.push_back(entry.path());
  }
  return found.empty() ? std::string() : *std::min_element(found.begin(), found.end());
}

void find_certificates(RegistryEndpoint& endpoint, const std::string& host) {
  std::vector<std::filesystem::path> directories = {"/etc/docker/certs.d", "/etc/containers/certs.d"};
  if (std::string home = environment("HOME"); !home.empty()) {
    directories.emplace_back(home + "/.config/containers/certs.d");
  }
  for (const auto& directory : directories) {
    std::filesystem::path own = directory / host;
    if (endpoint.ca_file.empty()) endpoint.ca_file = file_with_suffix(own, ".crt");
    if (endpoint.client_cert.empty()) {
      endpoint.client_cert = file_with_suffix(own, ".cert");
      if (!endpoint.client_cert.empty()) endpoint.client_key = file_with_suffix(own, ".key");
    }
  }
}

std::string basic_header(const Credential& credential) {
  return "Basic " + util::base64_encode(credential.user + ":" + credential.password);
}

/// The challenge to answer: bearer if it is offered.
std::optional<AuthChallenge> best_challenge(const util::HttpResponse& response) {
  std::optional<AuthChallenge> best;
  auto [first, last] = response.headers.equal_range("www-authenticate");
  for (auto header = first; header != last; ++header) {
    for (AuthChallenge& challenge : parse_challenges(header->second)) {
      if (challenge.scheme == "bearer" && !challenge.realm.empty()) return challenge;
      if (challenge.scheme == "basic") best = std::move(challenge);
    }
  }
  return best;
}

/// `scopes` with those added that the registry itself asked for.
std::string merge_scopes(const std::string& scopes, const std::string& asked) {
  std::string merged = scopes;
  std::vector<std::string> have = util::split(scopes, ' ');
  for (const std::string& scope : util::split(asked, ' ')) {
    if (!scope.empty() && std::find(have.begin(), have.end(), scope) == have.end())
      merged += (merged.empty() ? "" : " ") + scope;
  }
  return merged;
}

void check_realm(const std::string& realm, const RegistryEndpoint& endpoint) {
  bool https = realm.starts_with("https://"), http = realm.starts_with("http://");
  bool plain_allowed = endpoint.scheme == "http" || util::is_loopback(realm);
  if (https || (http && plain_allowed)) return;
  throw RegistryError(RegistryError::Kind::refused,
                      fmt::format("registry `{}` names the token service `{}`, which is not reached by https",
                                  endpoint.authority, util::display_url(realm)));
}

util::HttpRequest token_request(const AuthChallenge& challenge, const std::string& scopes,
                                const Credential* credential, bool wants_identity_token) {
  util::HttpRequest request;
  request.connect_timeout = std::chrono::seconds(10);
  if (credential != nullptr && !credential->identity_token.empty()) {
    request.method = "POST";
    request.url = challenge.realm;
    request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    request.body = fmt::format("grant_type=refresh_token&service={}&client_id=builder&scope={}&refresh_token={}",
                               percent_encode(challenge.service), percent_encode(scopes),
                               percent_encode(credential->identity_token));
    return request;
  }
  request.url = challenge.realm;
  char separator = challenge.realm.find('?') == std::string::npos ? '?' : '&';
  auto add = [&](std::string_view name, std::string_view value) {
    request.url += fmt::format("{}{}={}", std::exchange(separator, '&'), name, percent_encode(value));
  };
  if (!challenge.service.empty()) add("service", challenge.service);
  for (const std::string& scope : util::split(scopes, ' ')) {
    if (!scope.empty()) add("scope", scope);
  }
  if (credential != nullptr) {
    add("account", credential->user);
    if (wants_identity_token) add("offline_token", "true");
    request.headers.emplace_back("Authorization", basic_header(*credential));
  }
  return request;
}

}  // namespace

RegistryEndpoint RegistryEndpoint::of(const std::string& host) {
  RegistryEndpoint endpoint;
  endpoint.authority = host == "docker.io" ? "registry-1.docker.io" : host;
  endpoint.scheme = util::is_loopback("http://" + host) ? "http" : "https";
  endpoint.insecure = endpoint.scheme == "https" && listed_insecure(host);
  if (endpoint.scheme == "https") find_certificates(endpoint, host);
  return endpoint;
}

void RegistryEndpoint::prepare(util::HttpRequest& request) const {
  request.verify_tls = !insecure;
  request.ca_file = ca_file;
  request.client_cert = client_cert;
  request.client_key = client_key;
  request.connect_timeout = std::chrono::seconds(10);
}

struct RegistryHost::Slots {
  std::mutex mutex;
  std::condition_variable_any changed;
  int free = kParallelTransfers;
};

RegistryHost::RegistryHost(std::string name, util::HttpClient& http, CredentialStore& credentials)
    : name_(std::move(name)), http_(http), credentials_(credentials), slots_(std::make_shared<Slots>()) {}

RegistryEndpoint RegistryHost::endpoint(std::stop_token stop) {
  std::lock_guard lock(mutex_);
  if (endpoint_) return *endpoint_;
  RegistryEndpoint endpoint = RegistryEndpoint::of(name_);
  if (endpoint.insecure) {
    util::HttpRequest probe;
    probe.url = endpoint.origin() + "/v2/";
    endpoint.prepare(probe);
    try {
      http_.perform(probe, nullptr, stop);
    } catch (const util::HttpError&) {
      endpoint.scheme = "http";
    }
  }
  endpoint_ = endpoint;
  return endpoint;
}

std::string RegistryHost::authorization(const std::string& scopes, std::stop_token stop) {
  std::lock_guard lock(mutex_);
  if (!challenge_) return {};
  auto known = tokens_.find(scopes);
  if (known != tokens_.end() && util::now_nanoseconds() < known->second.expires) return known->second.header;
  return obtain(scopes, *challenge_, stop);
}

std::string RegistryHost::reauthorize(const std::string& scopes, const std::string& used,
                                      const util::HttpResponse& refusal, std::stop_token stop) {
  std::optional<AuthChallenge> challenge = best_challenge(refusal);
  if (!challenge) return {};
  std::lock_guard lock(mutex_);
  challenge_ = AuthChallenge{challenge->scheme, challenge->realm, challenge->service, {}, {}};
  // Another thread may have got a new one meanwhile.
  auto known = tokens_.find(scopes);
  if (known != tokens_.end() && known->second.header != used && util::now_nanoseconds() < known->second.expires) {
    return known->second.header;
  }
  if (!used.empty() && challenge->error == "insufficient_scope") return {};
  std::string header = obtain(scopes, *challenge, stop);
  return header == used ? std::string() : header;
}

std::string RegistryHost::obtain(const std::string& scopes, const AuthChallenge& challenge, std::stop_token stop) {
  std::optional<Credential> credential = credentials_.find(name_);
  Token token;
  token.expires = INT64_MAX;
  if (credential && !credential->registry_token.empty()) {
    token.header = "Bearer " + credential->registry_token;
  } else if (challenge.scheme == "basic") {
    if (!credential || credential->user.empty()) return {};
    token.header = basic_header(*credential);
  } else {
    token = fetch_token(merge_scopes(scopes, challenge.scope), challenge, credential ? &*credential : nullptr, stop);
  }
  tokens_[scopes] = token;
  return token.header;
}

RegistryHost::Token RegistryHost::fetch_token(const std::string& scopes, const AuthChallenge& challenge,
                                              const Credential* credential, std::stop_token stop) {
  check_realm(challenge.realm, endpoint_ ? *endpoint_ : RegistryEndpoint::of(name_));
  util::HttpRequest request = token_request(challenge, scopes, credential, wants_identity_token_);
  if (endpoint_ && util::url_origin(request.url) == util::url_origin(endpoint_->origin())) endpoint_->prepare(request);
  RetryPolicy retry(std::chrono::milliseconds(200), stop);
  util::HttpResponse response;
  for (bool again = true; again;) {
    try {
      response = http_.perform(request, nullptr, stop);
      again = response.status >= 400 && retry.after(response);
    } catch (const util::HttpError& fault) {
      if (!retry.after(fault)) throw transport_error(authority_of(request.url), fault);
    }
  }
  if (response.status < 200 || response.status > 299) {
    RegistryError error = status_error(name_, response);
    error.add_context(fmt::format("authenticate at `{}`", authority_of(request.url)));
    if (credential != nullptr)
      error.set_hint(fmt::format("the stored credentials were refused; run `docker login {}` again", name_));
    throw error;
  }
  nlohmann::json value = parse_object(response.body, fmt::format("token from `{}`", authority_of(request.url)));
  JsonFields fields(value, "token");
  std::string text = fields.text("token");
  if (text.empty()) text = fields.text("access_token");
  if (text.empty()) fields.refuse("token", "missing");
  if (wants_identity_token_) identity_token_ = fields.text("refresh_token");
  std::int64_t lifetime = fields.has("expires_in") ? fields.integer("expires_in") : 0;
  if (lifetime < kDefaultLifetime) lifetime = kDefaultLifetime;
  lifetime = std::min(lifetime, kMaxLifetime);
  // A little earlier than the registry thinks: the request still has to travel.
  return {"Bearer " + text, util::now_nanoseconds() + (lifetime * 9 / 10) * kSecond};
}

std::string RegistryHost::identity_token() {
  std::lock_guard lock(mutex_);
  return identity_token_;
}

std::shared_ptr<void> RegistryHost::transfer_slot(std::stop_token stop) {
  std::shared_ptr<Slots> slots = slots_;
  std::unique_lock lock(slots->mutex);
  if (!slots->changed.wait(lock, stop, [&] { return slots->free > 0; })) throw util::Cancelled();
  --slots->free;
  return {slots.get(), [slots](void*) {
            std::lock_guard release(slots->mutex);
            ++slots->free;
            slots->changed.notify_one();
          }};
}

}  // namespace oci
