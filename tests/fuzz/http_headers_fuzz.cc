#include <cstdint>
#include <string>
#include <string_view>

#include "oci/credential_key.h"
#include "oci/registry_auth.h"
#include "oci/registry_session.h"
#include "oci/registry_upload.h"
#include "source/http_facts.h"
#include "util/check.h"
#include "util/error.h"
#include "util/http.h"
#include "util/http_url.h"

// Input: the value of a header, or the body of an error.
namespace {

void check_challenges(const std::string& text) {
  for (const oci::AuthChallenge& challenge : oci::parse_challenges(text)) {
    CHECK(!challenge.scheme.empty());
    CHECK(challenge.scheme.find_first_of(" \t,=\"") == std::string::npos);
    // What is sent to a token service is one line whatever the challenge says.
    const std::string sent = oci::percent_encode(challenge.service + challenge.scope);
    CHECK(sent.find_first_of("&=#? \r\n") == std::string::npos);
  }
}

void check_location(const std::string& text) {
  const std::string base = "https://registry.example:5000/v2/app/blobs/uploads/";
  if (const auto url = util::resolve_url(base, text)) {
    CHECK(url->starts_with("http://") || url->starts_with("https://"));
    CHECK(url->find_first_of(" \r\n") == std::string::npos);
    CHECK(!util::url_origin(*url).empty());
    CHECK(!oci::authority_of(*url).empty());
  }
  util::HttpResponse response;
  response.headers.emplace("location", text);
  try {
    CHECK(!oci::upload_location(response, base).empty());
  } catch (const util::Error&) {
  }
  static_cast<void>(util::is_loopback(text));
  CHECK(util::display_url(text).size() <= text.size());
}

void check_validators(const std::string& text) {
  const source::HttpFact fact{{}, text, text};
  static_cast<void>(fact.mtime());
  util::HttpResponse response;
  response.status = 200;
  response.headers.emplace("etag", text);
  CHECK(fact.confirmed_by(response) == !text.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_challenges(text);
  check_location(text);
  check_validators(text);
  CHECK(oci::credential_host(text).size() <= text.size());
  util::HttpResponse answer;
  answer.status = 404;
  answer.body = text;
  answer.headers.emplace("retry-after", text);
  CHECK(!oci::status_error("registry.example", answer).message().empty());
  return 0;
}
