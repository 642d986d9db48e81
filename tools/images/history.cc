#include "tools/images/history.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/format/table.h"
#include "tools/images/image_rows.h"
#include "util/text.h"
#include "util/time.h"

namespace builder {
namespace {

constexpr std::size_t kCreatedByLetters = 45;

}  // namespace

const std::map<std::string, std::string>& history_headings(bool human) {
  static const std::map<std::string, std::string> plain = {
      {"ID", "IMAGE"},  {"CreatedSince", "CREATED"}, {"CreatedAt", "CREATED AT"}, {"CreatedBy", "CREATED BY"},
      {"Size", "SIZE"}, {"Comment", "COMMENT"}};
  static const std::map<std::string, std::string> exact = [] {
    auto headings = plain;
    headings["CreatedSince"] = "CREATED AT";
    return headings;
  }();
  return human ? plain : exact;
}

std::vector<nlohmann::ordered_json> history_rows(const ImageView& view, const PlatformImage& platform,
                                                 const HistoryStyle& style) {
  const oci::ImageConfig config = view.config(platform);
  const std::vector<std::uint64_t> sizes = view.layer_sizes(platform);
  std::vector<nlohmann::ordered_json> rows;
  std::size_t layer = 0;
  for (const oci::HistoryEntry& entry : config.history) {
    const std::uint64_t size = entry.empty_layer || layer >= sizes.size() ? 0 : sizes[layer++];
    const std::int64_t created = std::max<std::int64_t>(util::parse_rfc3339(entry.created).value_or(0), 0);
    const std::string at = created == 0 ? "" : util::format_rfc3339(created / 1'000'000'000 * 1'000'000'000);
    const std::string by = util::replace_all(entry.created_by, "\t", " ");
    rows.push_back({{"Comment", entry.comment},
                    {"CreatedAt", at},
                    {"CreatedBy", style.no_trunc ? by : format::shorten(by, kCreatedByLetters)},
                    {"CreatedSince", style.human ? time_ago(created) : at},
                    {"ID", "<missing>"},
                    {"Size", style.human ? util::human_size(size) : std::to_string(size)}});
  }
  std::reverse(rows.begin(), rows.end());
  if (!rows.empty()) rows.front()["ID"] = shown_id(platform.config.digest, style.no_trunc);
  return rows;
}

}  // namespace builder
