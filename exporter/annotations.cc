#include "exporter/annotations.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "util/error.h"
#include "util/text.h"

namespace exporter {
namespace {

bool is_target(std::string_view text) {
  return text == "manifest" || text == "index" || text == "manifest-descriptor" || text == "index-descriptor";
}

bool is_for_index(const AnnotationKey& key) {
  return key.targets.contains("index") || key.targets.contains("index-descriptor");
}

}  // namespace

AnnotationKey parse_annotation_key(const std::string& text) {
  AnnotationKey plain{{"manifest"}, std::nullopt, text};
  std::size_t colon = text.find(':');
  if (colon == std::string::npos) return plain;
  AnnotationKey parsed{{}, std::nullopt, text.substr(colon + 1)};
  for (const std::string& part : util::split(text.substr(0, colon), ',')) {
    std::string_view target = part;
    if (std::size_t open = target.find('['); open != std::string_view::npos && target.ends_with(']')) {
      try {
        parsed.platform = oci::Platform::parse(target.substr(open + 1, target.size() - open - 2));
      } catch (const util::Error&) {
        return plain;
      }
      target = target.substr(0, open);
    }
    if (!is_target(target)) return plain;
    parsed.targets.emplace(target);
  }
  return parsed.key.empty() ? plain : parsed;
}

std::map<std::string, std::string> annotations_for(const OutputSpec& output, std::string_view target,
                                                   const oci::Platform* platform) {
  std::map<std::string, std::string> result;
  // Those for one platform win over those for all.
  for (bool special : {false, true}) {
    for (const auto& [text, value] : output.annotations) {
      AnnotationKey key = parse_annotation_key(text);
      if (key.platform.has_value() != special || !key.targets.contains(std::string(target))) continue;
      if (special && (platform == nullptr || *key.platform != *platform)) continue;
      result[key.key] = value;
    }
  }
  return result;
}

void check_annotations(const ExportRequest& request) {
  bool index = request.index || request.images.size() > 1;
  for (const auto& annotation : request.output.annotations) {
    const std::string& text = annotation.first;
    AnnotationKey key = parse_annotation_key(text);
    auto refuse = [&](std::string_view why) { throw util::Error(fmt::format("annotation `{}`: {}", text, why)); };
    if (is_for_index(key) && !index) refuse("the image has a single platform, so there is no index");
    if (is_for_index(key) && !request.output.oci_media_types)
      refuse("an index with Docker's media type has no annotations");
    if (!key.platform) continue;
    bool built = std::any_of(request.images.begin(), request.images.end(),
                             [&](const PlatformImage& image) { return image.platform == *key.platform; });
    if (!built) refuse("this platform is not built");
  }
}

}  // namespace exporter
