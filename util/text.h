#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace util {

std::string_view trim(std::string_view text);               ///< ASCII white space at both ends
std::vector<std::string> split(std::string_view text, char separator);   ///< keeps empty parts
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string to_lower(std::string_view text);                ///< ASCII
std::string to_upper(std::string_view text);                ///< ASCII
bool equal_ignoring_case(std::string_view a, std::string_view b);   ///< ASCII
std::string replace_all(std::string_view text, std::string_view from, std::string_view to);

/// The candidate nearest to `word` by Levenshtein distance below 3 (case-insensitive), the first on a
/// tie; nullopt when none is near or one is equal.
std::optional<std::string> suggest(std::string_view word, std::span<const std::string> candidates);

/// 1234567 -> "1.23MB" (decimal units, as docker prints sizes: go-units HumanSizeWithPrecision).
std::string human_size(std::uint64_t bytes, int digits = 3);
/// Nanoseconds -> "Less than a second", "About a minute", "8 days" (go-units HumanDuration).
std::string human_duration(std::int64_t nanoseconds);
/// "64m", "1g", "512k", "1024", "1.5GB" -> bytes (binary units, go-units RAMInBytes). nullopt if malformed.
std::optional<std::uint64_t> parse_size(std::string_view text);
/// Go duration text "1m30s", "100ms" -> nanoseconds; nullopt if malformed.
std::optional<std::int64_t> parse_duration(std::string_view text);
/// Nanoseconds -> Go's Duration.String(): "1m30s", "100ms", "0s".
std::string format_duration(std::int64_t nanoseconds);
/// Go's %q of a string.
std::string quote(std::string_view text);

std::string base64_encode(std::string_view data);
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace util
