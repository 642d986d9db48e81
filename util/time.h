#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace util {

/// Nanoseconds since the epoch -> "2024-05-01T12:00:00.123456789Z" (trailing zeros of the fraction cut,
/// no fraction when zero): Go's time.RFC3339Nano in UTC.
std::string format_rfc3339(std::int64_t nanoseconds);
/// The reverse, any offset; nullopt when malformed.
std::optional<std::int64_t> parse_rfc3339(std::string_view text);
/// Now, in nanoseconds.
std::int64_t now_nanoseconds();

}  // namespace util
