#include "tools/images/image_rows.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "tools/format/table.h"
#include "util/text.h"
#include "util/time.h"

namespace builder {
namespace {

constexpr const char* kNone = "<none>";

struct Name {
  std::string repository = kNone;
  std::string tag = kNone;
};

Name split_name(const std::string& name) {
  if (name.empty()) return {};
  try {
    oci::Reference reference = oci::Reference::parse(name);
    const std::string tag = reference.tag.empty() ? kNone : reference.tag;
    reference.tag.clear();
    reference.digest = {};
    return {reference.familiar(), tag};
  } catch (const util::Error&) {
    return {name, kNone};  // another tool's idea of a name
  }
}

nlohmann::ordered_json row(const LocalImage& image, const std::string& name, std::uint64_t size, bool digests,
                           bool no_trunc) {
  const auto [repository, tag] = split_name(name);
  return {{"Containers", "N/A"},
          {"CreatedAt", image.created == 0 ? "N/A" : go_time(image.created)},
          {"CreatedSince", time_ago(image.created)},
          {"Digest", digests ? image.descriptor.digest.to_string() : kNone},
          {"ID", shown_id(image.id(), no_trunc)},
          {"Repository", repository},
          {"SharedSize", "N/A"},
          {"Size", util::human_size(size)},
          {"Tag", tag},
          {"UniqueSize", "N/A"},
          {"VirtualSize", util::human_size(size, 4)}};
}

/// A name by digest says no more than a tag of the same repository.
bool is_redundant(const std::string& name, const LocalImage& image) {
  if (name.find('@') == std::string::npos) return false;
  const std::string tagged = name.substr(0, name.find('@')) + ":";
  return std::ranges::any_of(image.names, [&](const std::string& other) { return other.starts_with(tagged); });
}

std::vector<std::string> shown_names(const LocalImage& image, const ImageFilter& filter) {
  if (image.names.empty()) return {""};
  std::vector<std::string> names;
  std::ranges::copy_if(image.names, std::back_inserter(names), [&](const std::string& name) {
    return !is_redundant(name, image) && filter.accepts_name(name);
  });
  return names;
}

}  // namespace

const std::map<std::string, std::string>& image_headings() {
  static const std::map<std::string, std::string> headings = {{"ID", "IMAGE ID"},
                                                              {"Repository", "REPOSITORY"},
                                                              {"Tag", "TAG"},
                                                              {"Digest", "DIGEST"},
                                                              {"CreatedSince", "CREATED"},
                                                              {"CreatedAt", "CREATED AT"},
                                                              {"Size", "SIZE"},
                                                              {"Containers", "CONTAINERS"},
                                                              {"VirtualSize", "SIZE"},
                                                              {"SharedSize", "SHARED SIZE"},
                                                              {"UniqueSize", "UNIQUE SIZE"}};
  return headings;
}

std::string time_ago(std::int64_t created) {
  if (created == 0) return "N/A";
  return util::human_duration(std::max<std::int64_t>(util::now_nanoseconds() - created, 0)) + " ago";
}

std::string go_time(std::int64_t nanoseconds) {
  const std::time_t seconds = nanoseconds / 1'000'000'000;
  std::tm parts = {};
  ::gmtime_r(&seconds, &parts);
  char text[64];
  return std::string(text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S +0000 UTC", &parts));
}

std::string shown_id(const util::Digest& id, bool no_trunc) {
  return no_trunc ? id.to_string() : id.short_hex();
}

std::vector<nlohmann::ordered_json> image_rows(const ImageView& view, const ImageFilter& filter, bool digests,
                                               bool no_trunc) {
  std::vector<nlohmann::ordered_json> rows;
  for (const LocalImage& image : view.images()) {
    if (!filter.accepts(image)) continue;
    const std::vector<std::string> names = shown_names(image, filter);
    if (names.empty()) continue;
    const std::uint64_t size = view.size(image);
    for (const std::string& name : names) rows.push_back(row(image, name, size, digests, no_trunc));
  }
  return rows;
}

std::string image_tree(const ImageView& view, const ImageFilter& filter, bool no_trunc) {
  std::string text = "IMAGE\tID\tSIZE\tPACKED\n";
  for (const LocalImage& image : view.images()) {
    std::vector<std::string> names = shown_names(image, filter);
    if (!filter.accepts(image) || names.empty()) continue;
    for (std::size_t i = 0; i + 1 < names.size(); ++i)
      text += split_name(names[i]).repository + ":" + split_name(names[i]).tag + "\t\t\t\n";
    const Name last = split_name(names.back());
    text += (names.back().empty() ? std::string("<untagged>") : last.repository + ":" + last.tag) + "\t" +
            shown_id(image.id(), no_trunc);
    text += "\t" + util::human_size(view.size(image)) + "\t\n";
    std::vector<const PlatformImage*> platforms;
    for (const PlatformImage& platform : image.platforms) {
      if (!platform.attestation) platforms.push_back(&platform);
    }
    for (const PlatformImage* platform : platforms) {
      text += (platform == platforms.back() ? "└─ " : "├─ ") + platform->platform.to_string() + "\t";
      if (!platform->present) {
        text += shown_id(platform->manifest.digest, no_trunc) + "\tnot here\t\n";
        continue;
      }
      std::uint64_t size = 0, packed = 0;
      for (const std::uint64_t layer : view.layer_sizes(*platform)) size += layer;
      for (const oci::Descriptor& layer : platform->layers)
        packed += static_cast<std::uint64_t>(std::max<std::int64_t>(layer.size, 0));
      text += shown_id(platform->config.digest, no_trunc) + "\t" + util::human_size(size) + "\t" +
              util::human_size(packed) + "\n";
    }
  }
  return format::align_columns(text);
}

}  // namespace builder
