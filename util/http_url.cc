#include "util/http_url.h"

#include <memory>
#include <string_view>

#include "util/http.h"
#include "util/http_curl.h"
#include "util/text.h"

namespace util {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl().url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

Url parse(const std::string& text) {
  Url url(curl().url());
  if (!url || curl().url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return nullptr;
  return url;
}

std::string part(const Url& url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl().url_get(url.get(), which, &text, flags) != CURLUE_OK) return {};
  std::string copy = text;
  curl().free(text);
  return copy;
}

bool is_http(const Url& url) {
  std::string scheme = to_lower(part(url, CURLUPART_SCHEME));
  return scheme == "http" || scheme == "https";
}

}  // namespace

std::string url_origin(const std::string& text) {
  Url url = parse(text);
  if (!url || !is_http(url)) return {};
  return to_lower(part(url, CURLUPART_SCHEME) + "://" + part(url, CURLUPART_HOST) + ":" +
                  part(url, CURLUPART_PORT, CURLU_DEFAULT_PORT));
}

bool is_loopback(const std::string& text) {
  Url url = parse(text);
  if (!url) return false;
  std::string host = to_lower(part(url, CURLUPART_HOST));
  if (host.ends_with('.')) host.pop_back();
  if (host == "localhost" || host.ends_with(".localhost") || host == "[::1]") return true;
  // An address, not a name that begins like one.
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
}

std::optional<std::string> resolve_url(const std::string& base, const std::string& location) {
  Url url = parse(base);
  if (!url || curl().url_set(url.get(), CURLUPART_URL, location.c_str(), CURLU_URLENCODE) != CURLUE_OK || !is_http(url)) {
    return std::nullopt;
  }
  return part(url, CURLUPART_URL);
}

std::string display_url(const std::string& url) {
  std::size_t scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  std::size_t begin = scheme + 3;
  std::size_t end = url.find_first_of("/?#", begin);
  std::size_t at = url.rfind('@', end == std::string::npos ? end : end - 1);
  if (at == std::string::npos || at < begin) return url;
  return url.substr(0, begin) + url.substr(at + 1);
}

}  // namespace util
