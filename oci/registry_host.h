#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "oci/registry_auth.h"
#include "oci/registry_endpoint.h"
#include "util/http.h"
#include "util/stream.h"

namespace oci {

/// What was learnt about a registry in this process: its challenge, and the tokens it gave for each scope.
/// Thread-safe.
class RegistryHost {
 public:
  RegistryHost(RegistryEndpoint endpoint, util::HttpClient& http, CredentialStore& credentials);

  const std::string& name() const { return name_; }
  /// With its scheme settled: where http is allowed, https is probed first, once.
  RegistryEndpoint endpoint(std::stop_token stop);
  /// Is this how a TLS server answers plain http? Then it is https from now on, on loopback with any certificate.
  bool turn_to_tls(const util::HttpResponse& answer, std::stop_token stop);
  /// Authorization header for space-separated `scopes`; "" when the registry has not asked for any yet.
  std::string authorization(const std::string& scopes, std::stop_token stop);
  /// After a 401 to a request that was sent with `used`: a new header, or "" when there is nothing better.
  std::string reauthorize(const std::string& scopes, const std::string& used, const util::HttpResponse& refusal,
                          std::stop_token stop);

  /// From now on token services are asked for an identity token too.
  void ask_identity_token() { wants_identity_token_ = true; }
  /// What they gave; "" = none.
  std::string identity_token();

  /// Bounds parallel transfers; released by the destructor of the returned object. Throws Cancelled.
  std::shared_ptr<void> transfer_slot(std::stop_token stop);

 private:
  struct Token;
  struct Slots;
  std::string obtain(const std::string& scopes, const AuthChallenge& challenge, std::stop_token stop);
  Token fetch_token(const std::string& scopes, const AuthChallenge& challenge, const Credential* credential,
                    std::stop_token stop);

  struct Token {
    std::string header;
    std::int64_t expires = 0;  ///< nanoseconds
  };

  const std::string name_;
  util::HttpClient& http_;
  CredentialStore& credentials_;
  // Held while a token is fetched, so that parallel requests of one registry share it instead of each asking.
  std::mutex mutex_;
  RegistryEndpoint endpoint_;
  bool settled_ = false;
  std::optional<AuthChallenge> challenge_;
  std::map<std::string, Token> tokens_;
  bool wants_identity_token_ = false;
  std::string identity_token_;
  std::shared_ptr<Slots> slots_;
};

}  // namespace oci
