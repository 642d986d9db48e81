#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "util/http.h"

namespace builder {

/// One repository that a registry's search found.
struct SearchResult {
  std::string name, description;
  std::int64_t stars = 0;
  bool official = false;
  bool automated = false;
};

/// What to search for, and where.
struct SearchQuery {
  std::string url;   ///< of the API: "https://index.docker.io/v1/search"
  std::string host;  ///< "index.docker.io", for messages
  std::string term;
  int limit = 0;  ///< 0 = as many as the registry gives
};
/// "TERM" asks Docker Hub, "REGISTRY/TERM" that registry (a first part with a dot or a colon, or "localhost"; loopback
/// by plain http). Throws UsageError for an empty term or a limit outside of 1 to 100.
SearchQuery search_query(std::string_view argument, std::optional<int> limit);

/// --filter of `search`: stars=N, is-official=BOOL, is-automated=BOOL.
struct SearchFilter {
  std::int64_t stars = 0;
  std::optional<bool> official, automated;
  bool accepts(const SearchResult& result) const;
};
/// Throws util::Error.
SearchFilter parse_search_filters(const std::vector<std::string>& filters);

/// Results of the answer of `GET /v1/search`; throws util::Error when it is none. A registry's names are given in full.
std::vector<SearchResult> parse_search_answer(std::string_view text, const SearchQuery& query);

/// Asks the registry; temporary faults are tried again a few times. Throws util::Error, Cancelled.
std::vector<SearchResult> search(util::HttpClient& client, const SearchQuery& query, std::stop_token stop);

}  // namespace builder
