#include "tools/images/search.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>

#include "tools/builder/usage_error.h"
#include "util/error.h"
#include "util/json.h"
#include "util/text.h"

namespace builder {
namespace {

constexpr const char* kHub = "index.docker.io";
constexpr int kTries = 3;
constexpr std::size_t kMaxAnswer = 8u << 20;
constexpr std::chrono::milliseconds kPause{500};

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = std::isalnum(byte) != 0 || std::string_view("-_.~").find(c) != std::string_view::npos;
    encoded += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return encoded;
}

bool is_registry(std::string_view part) {
  return part == "localhost" || part.find_first_of(".:") != std::string_view::npos;
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host.starts_with("localhost:") || host.starts_with("127.") || host.starts_with("[::1]");
}

bool parse_bool(const std::string& filter, const std::string& value) {
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  throw util::Error(fmt::format("invalid filter `{}`", filter), "true or false");
}

/// Collects an answer as long as it is of a sensible size.
class LimitedText final : public util::Writer {
 public:
  void write(util::Bytes data) override {
    if (text.size() + data.size() > kMaxAnswer) throw util::Error("the answer is too long");
    text.append(reinterpret_cast<const char*>(data.data()), data.size());
  }
  std::string text;
};

void pause(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait_for(lock, stop, time, [] { return false; });
  if (stop.stop_requested()) throw util::Cancelled();
}

std::string member(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

bool flag(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

}  // namespace

SearchQuery search_query(std::string_view argument, std::optional<int> limit) {
  if (limit && (*limit < 1 || *limit > 100))
    throw UsageError(fmt::format("limit {} is outside the range of [1, 100]", *limit));
  SearchQuery query;
  query.limit = limit.value_or(0);
  const std::size_t slash = argument.find('/');
  if (slash != std::string_view::npos && is_registry(argument.substr(0, slash))) {
    query.host = argument.substr(0, slash);
    query.term = argument.substr(slash + 1);
  } else {
    query.term = argument;
  }
  if (query.host.empty() || query.host == "docker.io" || query.host == "index.docker.io") {
    query.host = kHub;
    if (query.term.starts_with("library/")) query.term.erase(0, 8);
  }
  if (util::trim(query.term).empty())
    throw UsageError("what to search for is missing", "usage: builder search [REGISTRY/]TERM");
  query.url =
      (is_loopback(query.host) ? "http://" : "https://") + query.host + "/v1/search?q=" + percent_encoded(query.term);
  if (query.limit != 0) query.url += "&n=" + std::to_string(query.limit);
  return query;
}

SearchFilter parse_search_filters(const std::vector<std::string>& filters) {
  SearchFilter found;
  for (const std::string& filter : filters) {
    const std::size_t equals = filter.find('=');
    const std::string key = filter.substr(0, equals),
                      value = equals == std::string::npos ? "" : filter.substr(equals + 1);
    if (key == "stars") {
      const auto parsed = std::from_chars(value.data(), value.data() + value.size(), found.stars);
      if (parsed.ec != std::errc() || parsed.ptr != value.data() + value.size())
        throw util::Error(fmt::format("invalid filter `{}`", filter), "stars=NUMBER");
    } else if (key == "is-official") {
      found.official = parse_bool(filter, value);
    } else if (key == "is-automated") {
      found.automated = parse_bool(filter, value);
    } else {
      throw util::Error(fmt::format("invalid filter `{}`", filter), "filters: stars, is-official, is-automated");
    }
  }
  return found;
}

bool SearchFilter::accepts(const SearchResult& result) const {
  return result.stars >= stars && official.value_or(result.official) == result.official &&
         automated.value_or(result.automated) == result.automated;
}

std::vector<SearchResult> parse_search_answer(std::string_view text, const SearchQuery& query) {
  const nlohmann::json answer = util::parse_json(text, fmt::format("the answer of {}", query.host));
  const auto results = answer.is_object() ? answer.find("results") : answer.end();
  if (!answer.is_object() || results == answer.end() || !(results->is_array() || results->is_null()))
    throw util::Error(fmt::format("search `{}`: {} does not answer with search results", query.term, query.host));
  std::vector<SearchResult> found;
  for (const nlohmann::json& one : *results) {
    if (!one.is_object() || member(one, "name").empty()) continue;
    const auto stars = one.find("star_count");
    found.push_back({(query.host == kHub ? "" : query.host + "/") + member(one, "name"), member(one, "description"),
                     stars != one.end() && stars->is_number_integer() ? stars->get<std::int64_t>() : 0,
                     flag(one, "is_official"), flag(one, "is_automated")});
    if (query.limit != 0 && found.size() == static_cast<std::size_t>(query.limit)) break;
  }
  return found;
}

std::vector<SearchResult> search(util::HttpClient& client, const SearchQuery& query, std::stop_token stop) {
  const auto context = fmt::format("search `{}` at {}", query.term, query.host);
  for (int attempt = 1;; ++attempt) {
    const bool last = attempt == kTries;
    try {
      util::HttpRequest request;
      request.url = query.url;
      request.headers = {{"Accept", "application/json"}};
      LimitedText body;
      const util::HttpResponse response = client.perform(request, &body, stop);
      if (response.status == 200) return parse_search_answer(body.text, query);
      const bool temporary = response.status == 429 || response.status >= 500;
      if (!temporary || last) {
        throw util::Error(fmt::format("{}: the registry answered {}", context, response.status),
                          response.status == 404 ? "many registries have no search; Docker Hub does" : "");
      }
    } catch (util::HttpError& error) {
      if (!error.temporary() || last) {
        error.add_context(context);
        throw;
      }
    }
    pause(kPause * attempt, stop);
  }
}

}  // namespace builder
