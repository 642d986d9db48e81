#include "source/http_facts.h"

#include <ctime>
#include <nlohmann/json.hpp>

namespace source {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
/// 2262: later times do not fit in nanoseconds.
constexpr std::int64_t kLatest = 9'000'000'000;

std::string fact_key(const std::string& url) {
  return "http/1:" + std::string(util::sha256_of(url).hex());
}

/// Without the mark of a weak validator, which makes no difference for "has it changed?".
std::string_view opaque_tag(std::string_view etag) {
  return etag.starts_with("W/") ? etag.substr(2) : etag;
}

}  // namespace

std::int64_t HttpFact::mtime() const {
  return parse_http_date(last_modified).value_or(0) * kSecond;
}

bool HttpFact::confirmed_by(const util::HttpResponse& response) const {
  const std::string tag = response.header("etag").value_or("");
  const bool same_tag = !tag.empty() && opaque_tag(tag) == opaque_tag(etag);
  if (response.status == 304) return tag.empty() || etag.empty() || same_tag;
  return response.status == 200 && same_tag;
}

std::optional<HttpFact> find_http_fact(cache::RecordStore& records, const std::string& url) {
  const auto found = records.find_fact(fact_key(url));
  if (!found) return std::nullopt;
  const nlohmann::json value = nlohmann::json::parse(found->first, nullptr, false);
  if (!value.is_object()) return std::nullopt;
  const auto text = [&](const char* name) {
    const auto member = value.find(name);
    return member != value.end() && member->is_string() ? member->get<std::string>() : std::string();
  };
  const std::optional<util::Digest> digest = util::Digest::find(text("digest"));
  if (!digest) return std::nullopt;
  return HttpFact{*digest, text("etag"), text("last-modified")};
}

void save_http_fact(cache::RecordStore& records, const std::string& url, const HttpFact& fact) {
  const nlohmann::json value{
      {"digest", fact.digest.to_string()}, {"etag", fact.etag}, {"last-modified", fact.last_modified}};
  // Headers are bytes, which need not be UTF-8.
  records.save_fact(fact_key(url), value.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace));
}

std::optional<std::int64_t> parse_http_date(const std::string& text) {
  for (const char* form : {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"}) {
    std::tm time{};
    const char* end = strptime(text.c_str(), form, &time);
    if (end == nullptr || *end != '\0') continue;
    const std::int64_t seconds = timegm(&time);
    if (seconds < -kLatest || seconds > kLatest) return std::nullopt;
    return seconds;
  }
  return std::nullopt;
}

}  // namespace source
