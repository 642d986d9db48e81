#pragma once

#include <optional>
#include <string>

namespace util {

/// "https://host:443" in lower case, the default port filled in: the places that credentials may go to. Empty when
/// `url` is no http(s) URL.
std::string url_origin(const std::string& url);

/// Is the host "localhost", below it, 127.0.0.0/8 or ::1?
bool is_loopback(const std::string& url);

/// `location` of a redirect, which may be relative, as an absolute URL; nullopt unless that is an http(s) URL.
std::optional<std::string> resolve_url(const std::string& base, const std::string& location);

}  // namespace util
