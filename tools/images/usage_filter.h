#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/usage.h"

namespace builder {

using UsageFilter = std::function<bool(const cache::UsageEntry&)>;

/// --filter of `du` and `prune`, as buildx has it: parts joined by commas, and several filters, must all hold. KEY=VALUE (id:
/// begins with), KEY!=VALUE, KEY~=PATTERN (regular expression) for id, type, description, parents; inuse, mutable, immutable, shared, private
/// alone; until=24h: not used since. `now` in nanoseconds. Null without filters. Throws UsageError.
UsageFilter parse_usage_filters(const std::vector<std::string>& filters, std::int64_t now);

/// "24h", an RFC 3339 time, a date "2026-01-31", or seconds since the epoch -> nanoseconds since the epoch; nullopt if malformed.
std::optional<std::int64_t> parse_moment(std::string_view text, std::int64_t now);

}  // namespace builder
