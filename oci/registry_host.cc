#include "oci/registry_host.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
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

/// Does a scope such as "repository:app:pull,push" allow everything that `other` does?
bool covers(const std::string& scope, const std::string& other) {
  std::size_t colon = other.rfind(':');
  if (colon == std::string::npos || scope.substr(0, scope.rfind(':')) != other.substr(0, colon)) return scope == other;
  std::vector<std::string> have = util::split(scope.substr(colon + 1), ',');
  std::vector<std::string> want = util::split(other.substr(colon + 1), ',');
  return std::all_of(want.begin(), want.end(), [&](const std::string& action) {
    return std::find(have.begin(), have.end(), action) != have.end();
  });
}

/// `scopes` with those added that the registry itself asked for.
std::string merge_scopes(const std::string& scopes, const std::string& asked) {
  std::string merged = scopes;
  std::vector<std::string> have = util::split(scopes, ' ');
  for (const std::string& scope : util::split(asked, ' ')) {
    bool known = std::any_of(have.begin(), have.end(), [&](const std::string& own) { return covers(own, scope); });
    if (!scope.empty() && !known) merged += (merged.empty() ? "" : " ") + scope;
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

util::HttpRequest token_request(const AuthChallenge& challenge, const std::string& scopes, const Credential* credential,
                                bool wants_identity_token) {
  util::HttpRequest request;
  RegistryEndpoint().prepare(request);
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

struct RegistryHost::Slots {
  std::mutex mutex;
  std::condition_variable_any changed;
  int free = kParallelTransfers;
};

RegistryHost::RegistryHost(RegistryEndpoint endpoint, util::HttpClient& http, CredentialStore& credentials)
    : name_(endpoint.name),
      http_(http),
      credentials_(credentials),
      endpoint_(std::move(endpoint)),
      slots_(std::make_shared<Slots>()) {}

RegistryEndpoint RegistryHost::endpoint(std::stop_token stop) {
  std::lock_guard lock(mutex_);
  if (std::exchange(settled_, true) || !endpoint_.may_be_plain) return endpoint_;
  util::HttpRequest probe;
  probe.url = endpoint_.origin() + endpoint_.path + "/";
  endpoint_.prepare(probe);
  try {
    http_.perform(probe, nullptr, stop);
  } catch (const util::HttpError&) {
    endpoint_.scheme = "http";
  }
  return endpoint_;
}

bool RegistryHost::turn_to_tls(const util::HttpResponse& answer, std::stop_token stop) {
  if (answer.status != 400) return false;
  std::lock_guard lock(mutex_);
  if (!util::is_loopback(endpoint_.origin())) return false;
  // Another thread may have been told so meanwhile.
  if (endpoint_.scheme == "https") return true;
  std::string text = answer.body;
  if (text.empty()) {  // as the answer to a HEAD is
    util::HttpRequest probe;
    probe.url = endpoint_.origin() + endpoint_.path + "/";
    endpoint_.prepare(probe);
    try {
      text = http_.perform(probe, nullptr, stop).body;
    } catch (const util::HttpError&) {
      return false;
    }
  }
  if (text.find("HTTP request to an HTTPS server") == std::string::npos) return false;
  endpoint_.scheme = "https";
  endpoint_.verify_tls = false;
  return true;
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
  check_realm(challenge.realm, endpoint_);
  util::HttpRequest request = token_request(challenge, scopes, credential, wants_identity_token_);
  if (util::url_origin(request.url) == util::url_origin(endpoint_.origin())) {
    endpoint_.prepare(request);
  } else {
    // A registry with an authority of its own usually has a token service with the same one.
    request.ca_file = endpoint_.ca_file;
  }
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
      error.set_hint(fmt::format("the stored credentials were refused; run `builder login {}` again", name_));
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
