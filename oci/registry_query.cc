// What is asked of a registry besides images: its tags, and whether it lets somebody in.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "oci/json_text.h"
#include "oci/registry.h"
#include "oci/registry_state.h"
#include "util/error.h"
#include "util/http_url.h"
#include "util/text.h"

namespace oci {
namespace {

constexpr std::size_t kMaxPage = 16u << 20;
constexpr int kMaxPages = 10'000;

/// Target of `rel="next"` in a Link header (RFC 8288): `</v2/app/tags/list?last=b&n=100>; rel="next"`.
std::optional<std::string> next_page(const util::HttpResponse& response) {
  std::string link = response.header("link").value_or("");
  std::size_t begin = link.find('<'), end = link.find('>');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return std::nullopt;
  std::string parameters = util::to_lower(link.substr(end + 1));
  if (parameters.find("rel=\"next\"") == std::string::npos && parameters.find("rel=next") == std::string::npos) {
    return std::nullopt;
  }
  return util::resolve_url(response.final_url, link.substr(begin + 1, end - begin - 1));
}

}  // namespace

std::vector<std::string> RegistryClient::tags(const Reference& repository, std::stop_token stop) {
  return util::with_context(fmt::format("list the tags of `{}`", repository.name()), [&] {
    RegistryRequest request;
    request.location = state_->session.config().upstream(repository);
    request.target = "tags/list";
    request.actions = "pull";
    std::vector<std::string> tags;
    for (int page = 0; page < kMaxPages; ++page) {
      std::string body;
      util::HttpResponse response = state_->session.send(request, stop, &body, kMaxPage);
      if (response.status != 200) throw status_error(repository.domain, response);
      nlohmann::json value = parse_object(body, "answer of the registry");
      // An empty repository has `"tags":null`.
      for (std::string& tag : JsonFields(value, "answer").texts("tags")) tags.push_back(std::move(tag));
      std::optional<std::string> next = next_page(response);
      if (!next || *next == request.target) return tags;
      request.target = *next;
    }
    throw util::Error(fmt::format("the registry's list has more than {} pages", kMaxPages));
  });
}

Credential RegistryClient::check_login(const std::string& host, const Credential& credential, std::stop_token stop) {
  RegistrySession session(state_->session.retry_delay(), CredentialStore::of(credential));
  RegistryRequest request;
  request.location = session.config().upstream({.domain = host, .repository = {}, .tag = {}, .digest = {}});
  request.target = "/";
  RegistryHost& registry = session.host(request.location.endpoint);
  registry.ask_identity_token();
  try {
    util::HttpResponse response = session.send(request, stop);
    if (response.status < 200 || response.status > 299) throw status_error(host, response);
  } catch (RegistryError& error) {
    error.add_context(fmt::format("log in to `{}`", host));
    if (error.kind() == RegistryError::Kind::unauthorized) error.set_hint("check the user name and the password");
    if (error.kind() == RegistryError::Kind::not_found) error.set_hint("check the name: this is no image registry");
    throw;
  }
  Credential accepted = credential;
  if (std::string token = registry.identity_token(); !token.empty()) {
    accepted.identity_token = std::move(token);
    accepted.password.clear();
  }
  return accepted;
}

}  // namespace oci
