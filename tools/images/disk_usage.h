#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cache/usage.h"
#include "tools/images/image_view.h"

namespace builder {

/// Headings of the fields of disk_usage_rows.
const std::map<std::string, std::string>& disk_usage_headings();

/// The lines of `system df`: Images, Containers, Local Volumes, Build Cache with docker's fields (Type, TotalCount, Active,
/// Size, Reclaimable). `images`: how many there are.
std::vector<nlohmann::ordered_json> disk_usage_rows(const cache::UsageReport& report, std::size_t images);

/// What `system df -v` shows: Images, Containers, Volumes, BuildCache, each a list of objects with docker's fields. `now` in
/// nanoseconds since the epoch.
nlohmann::ordered_json disk_usage_details(const ImageView& view, const cache::UsageReport& report, std::int64_t now);
/// The same as tables.
std::string disk_usage_tables(const ImageView& view, const cache::UsageReport& report, std::int64_t now);

}  // namespace builder
