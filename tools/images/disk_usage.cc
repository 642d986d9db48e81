#include "tools/images/disk_usage.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tools/format/table.h"
#include "tools/images/image_filter.h"
#include "tools/images/image_rows.h"
#include "tools/images/usage_print.h"
#include "util/text.h"
#include "util/time.h"

namespace builder {
namespace {

using Rows = std::vector<nlohmann::ordered_json>;

const std::map<std::string, std::string>& cache_headings() {
  static const std::map<std::string, std::string> headings = {{"ID", "CACHE ID"}, {"CacheType", "CACHE TYPE"},
                                                              {"Size", "SIZE"}, {"CreatedSince", "CREATED"},
                                                              {"LastUsedSince", "LAST USED"}, {"Shared", "SHARED"}};
  return headings;
}

nlohmann::ordered_json usage_row(const char* type, std::size_t total, std::uint64_t size, const std::string& reclaimable) {
  return {{"Type", type}, {"TotalCount", std::to_string(total)}, {"Active", "0"}, {"Size", usage_size(size)}, {"Reclaimable", reclaimable}};
}

/// What the layers of an image take that other images have, too, and what only its own take.
struct Sharing {
  std::uint64_t shared = 0, unique = 0;
};

/// By image id: copies of an image that are packed differently are one.
std::map<util::Digest, Sharing> sharing_of(const ImageView& view) {
  struct Layer {
    util::Digest diff_id;
    std::uint64_t size = 0;
  };
  std::map<util::Digest, std::vector<Layer>> layers;
  std::map<util::Digest, std::set<util::Digest>> users;
  for (const LocalImage& image : view.images()) {
    const PlatformImage* platform = image.platform();
    if (platform == nullptr || layers.contains(image.id())) continue;
    const std::vector<util::Digest> diff_ids = view.config(*platform).diff_ids;
    const std::vector<std::uint64_t> sizes = view.layer_sizes(*platform);
    for (std::size_t i = 0; i < std::min(diff_ids.size(), sizes.size()); ++i) {
      layers[image.id()].push_back({diff_ids[i], sizes[i]});
      users[diff_ids[i]].insert(image.id());
    }
  }
  std::map<util::Digest, Sharing> sharing;
  for (const auto& [id, own] : layers) {
    for (const Layer& layer : own) (users[layer.diff_id].size() > 1 ? sharing[id].shared : sharing[id].unique) += layer.size;
  }
  return sharing;
}

Rows images_of(const ImageView& view, bool whole_ids) {
  Rows rows = image_rows(view, ImageFilter(view, {}, ""), false, whole_ids);
  std::map<std::string, Sharing> by_id;
  for (const auto& [id, sharing] : sharing_of(view)) by_id[shown_id(id, whole_ids)] = sharing;
  for (nlohmann::ordered_json& row : rows) {
    const Sharing& sharing = by_id[row["ID"].get<std::string>()];
    row["SharedSize"] = util::human_size(sharing.shared);
    row["UniqueSize"] = util::human_size(sharing.unique);
    row["Containers"] = "0";
  }
  return rows;
}

Rows cache_rows(const cache::UsageReport& report, std::int64_t now) {
  const auto at = [](std::int64_t moment) { return moment == 0 ? std::string() : go_time(moment); };
  const auto ago = [&](std::int64_t moment) { return moment == 0 ? std::string() : util::human_duration(now - moment) + " ago"; };
  const auto word = [](bool value) { return value ? "true" : "false"; };
  Rows rows;
  for (const cache::UsageEntry& entry : report.entries) {
    rows.push_back({{"CacheType", cache::to_string(entry.type)},
                    {"CreatedAt", at(entry.created)},
                    {"CreatedSince", ago(entry.created)},
                    {"Description", entry.description},
                    {"ID", entry.id.substr(0, 12)},
                    {"InUse", word(entry.in_use)},
                    {"LastUsedAt", at(entry.used)},
                    {"LastUsedSince", ago(entry.used)},
                    {"Parent", entry.parents.empty() ? std::string() : entry.parents.front()},
                    {"Shared", word(entry.shared())},
                    {"Size", util::human_size(entry.size)}});
  }
  return rows;
}

}  // namespace

const std::map<std::string, std::string>& disk_usage_headings() {
  static const std::map<std::string, std::string> headings = {
      {"Type", "TYPE"}, {"TotalCount", "TOTAL"}, {"Active", "ACTIVE"}, {"Size", "SIZE"}, {"Reclaimable", "RECLAIMABLE"}};
  return headings;
}

Rows disk_usage_rows(const cache::UsageReport& report, std::size_t images) {
  std::string all = usage_size(report.images_size);
  if (report.images_size > 0) all += " (100%)";
  const std::uint64_t cached = report.size();
  // There are no containers and no volumes; docker's rows stay for who reads them by their place.
  return {usage_row("Images", images, report.images_size, all), usage_row("Containers", 0, 0, "0B"),
          usage_row("Local Volumes", 0, 0, "0B"), usage_row("Build Cache", report.entries.size(), cached, usage_size(cached))};
}

nlohmann::ordered_json disk_usage_details(const ImageView& view, const cache::UsageReport& report, std::int64_t now) {
  const nlohmann::ordered_json none = nlohmann::ordered_json::array();
  return {{"Images", images_of(view, true)}, {"Containers", none}, {"Volumes", none}, {"BuildCache", cache_rows(report, now)}};
}

std::string disk_usage_tables(const ImageView& view, const cache::UsageReport& report, std::int64_t now) {
  static constexpr const char* kImages = "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}";
  static constexpr const char* kCache = "table {{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.Shared}}";
  return "Images space usage:\n\n" + format::format_rows("", kImages, image_headings(), images_of(view, false)) +
         fmt::format("\nBuild cache usage: {}\n\n", usage_size(report.size())) +
         format::format_rows("", kCache, cache_headings(), cache_rows(report, now));
}

}  // namespace builder
