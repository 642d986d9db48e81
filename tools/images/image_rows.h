#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/images/image_filter.h"
#include "tools/images/image_view.h"

namespace builder {

/// Headings of the fields of image_rows.
const std::map<std::string, std::string>& image_headings();

/// The lines of `images`: one for each name of each image, newest first; docker's fields (ID, Repository, Tag, Digest,
/// CreatedSince, CreatedAt, Size, …). With `digests` the Digest is told, else it is "<none>".
std::vector<nlohmann::ordered_json> image_rows(const ImageView& view, const ImageFilter& filter, bool digests,
                                               bool no_trunc);

/// The images with their platforms below, as text.
std::string image_tree(const ImageView& view, const ImageFilter& filter, bool no_trunc);

/// "8 days ago"; "N/A" for 0, which is unknown. Nanoseconds since the epoch.
std::string time_ago(std::int64_t created);
/// "2026-11-21 15:33:31 +0000 UTC", as Go writes a time. Nanoseconds since the epoch.
std::string go_time(std::int64_t nanoseconds);
/// "sha256:…" whole, or its first 12 digits.
std::string shown_id(const util::Digest& id, bool no_trunc);

}  // namespace builder
