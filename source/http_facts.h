#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cache/record_store.h"
#include "util/digest.h"
#include "util/http.h"

namespace source {

/// What is known of the content behind a URL since it was loaded.
struct HttpFact {
  util::Digest digest;
  std::string etag;           ///< as the server wrote it; empty = none
  std::string last_modified;  ///< as the server wrote it; empty = none

  /// Last-Modified in nanoseconds; 0 when there is none or it is malformed.
  std::int64_t mtime() const;
  /// Has it something by which a server can say that nothing changed?
  bool can_be_validated() const { return !etag.empty() || !last_modified.empty(); }
  /// Does this answer say that the content is still the same?
  bool confirmed_by(const util::HttpResponse& response) const;
};

/// Facts by URL; the database does not get to see the URL, which may have credentials in it.
std::optional<HttpFact> find_http_fact(cache::RecordStore& records, const std::string& url);
void save_http_fact(cache::RecordStore& records, const std::string& url, const HttpFact& fact);

/// An HTTP-date (RFC 9110, 5.6.7: all three forms) in seconds since the epoch; nullopt when malformed.
std::optional<std::int64_t> parse_http_date(const std::string& text);

}  // namespace source
