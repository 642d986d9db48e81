#include "tools/images/image_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "tools/images/usage_filter.h"
#include "util/error.h"
#include "util/pattern.h"
#include "util/text.h"
#include "util/time.h"

namespace builder {
namespace {

bool parse_bool(const std::string& text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  throw util::Error(fmt::format("invalid filter `dangling={}`", text), "true or false");
}

std::int64_t parse_until(const std::string& text) {
  if (const auto moment = parse_moment(text, util::now_nanoseconds())) return *moment;
  throw util::Error(fmt::format("invalid filter `until={}`: neither a time nor a duration", text),
                    "for example 24h, 2024-05-01T12:00:00Z");
}

/// Repository and tag as people write them: "app", "1"; no tag for a name by digest.
std::pair<std::string, std::string> familiar_parts(const std::string& name) {
  try {
    oci::Reference reference = oci::Reference::parse(name);
    const std::string tag = reference.tag;
    reference.tag.clear();
    reference.digest = {};
    return {reference.familiar(), tag};
  } catch (const util::Error&) {
    return {name, ""};
  }
}

/// Docker's `reference` filter: a shell pattern for the repository, or for repository:tag.
bool matches_reference(const std::string& name, const std::string& pattern) {
  const auto [repository, tag] = familiar_parts(name);
  return util::match_path(pattern, repository) || util::match_path(pattern, repository + ":" + tag) ||
         util::match_path(pattern, name);
}

}  // namespace

ImageFilter::ImageFilter(const ImageView& view, std::span<const std::string> filters, const std::string& pattern)
    : view_(view), pattern_(pattern) {
  for (const std::string& filter : filters) {
    const std::size_t equals = filter.find('=');
    if (equals == std::string::npos) throw util::Error(fmt::format("invalid filter `{}`", filter), "as KEY=VALUE");
    add(filter.substr(0, equals), filter.substr(equals + 1));
  }
}

void ImageFilter::add(const std::string& key, const std::string& value) {
  static const std::vector<std::string> kKeys = {"dangling", "label", "before", "since", "until", "reference"};
  if (key == "dangling") {
    dangling_ = parse_bool(value);
  } else if (key == "label") {
    labels_.push_back(value);
  } else if (key == "before" || key == "until") {
    const std::int64_t time = key == "before" ? view_.find(value).image->created : parse_until(value);
    before_ = before_ == 0 ? time : std::min(before_, time);
  } else if (key == "since") {
    since_ = std::max(since_, view_.find(value).image->created);
  } else if (key == "reference") {
    references_.push_back(value);
  } else {
    const auto near = util::suggest(key, kKeys);
    throw util::Error(fmt::format("invalid filter `{}`{}", key, near ? fmt::format(" (did you mean {}?)", *near) : ""),
                      "filters: " + util::join(kKeys, ", "));
  }
}

bool ImageFilter::has_labels(const LocalImage& image) const {
  if (labels_.empty()) return true;
  const PlatformImage* platform = image.platform();
  if (platform == nullptr) return false;
  const std::map<std::string, std::string> labels = view_.config(*platform).labels;
  return std::ranges::all_of(labels_, [&](const std::string& wanted) {
    const std::size_t equals = wanted.find('=');
    const auto found = labels.find(wanted.substr(0, equals));
    return found != labels.end() && (equals == std::string::npos || found->second == wanted.substr(equals + 1));
  });
}

bool ImageFilter::accepts(const LocalImage& image) const {
  if (dangling_ && *dangling_ != image.names.empty()) return false;
  if (before_ != 0 && image.created >= before_) return false;
  if (since_ != 0 && image.created <= since_) return false;
  if (image.names.empty() && (!references_.empty() || !pattern_.empty())) return false;
  return has_labels(image);
}

bool ImageFilter::accepts_name(const std::string& name) const {
  const auto fits = [&](const std::string& pattern) { return matches_reference(name, pattern); };
  if (!references_.empty() && std::ranges::none_of(references_, fits)) return false;
  return pattern_.empty() || fits(pattern_);
}

}  // namespace builder
