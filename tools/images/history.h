#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "tools/images/image_view.h"

namespace builder {

struct HistoryStyle {
  bool human = true;  ///< "8 days ago", "72.9MB"; else an RFC 3339 time and bytes
  bool no_trunc = false;
};

/// Headings of the fields of history_rows.
const std::map<std::string, std::string>& history_headings(bool human);

/// The lines of `history`, the last instruction first; docker's fields (ID, CreatedAt, CreatedSince, CreatedBy, Size,
/// Comment). Throws util::Error if the image cannot be read.
std::vector<nlohmann::ordered_json> history_rows(const ImageView& view, const PlatformImage& platform,
                                                 const HistoryStyle& style);

}  // namespace builder
