#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "cache/usage.h"

namespace builder {

/// The table of `du` and `prune`: ID (`*`: mutable), RECLAIMABLE, SIZE (`*`: shared with an image), LAST ACCESSED. `now` in
/// nanoseconds. No rows: just the head.
std::string usage_table(std::span<const cache::UsageEntry> entries, std::int64_t now);
/// A paragraph for each entry, as `du --verbose` of buildx.
std::string usage_paragraphs(std::span<const cache::UsageEntry> entries, std::int64_t now);
/// An object for each entry, with the fields of `buildx du --format`; and the headings of these.
std::vector<nlohmann::ordered_json> usage_rows(std::span<const cache::UsageEntry> entries, std::int64_t now);
const std::map<std::string, std::string>& usage_headings();
/// "Shared: … Private: … Reclaimable: … Total: …".
std::string usage_totals(std::span<const cache::UsageEntry> entries);

/// "3.193MB": four digits, as buildx.
std::string usage_size(std::uint64_t bytes);

}  // namespace builder
