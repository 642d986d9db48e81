#include "tools/images/prune_images.h"

#include <fmt/format.h>

#include <algorithm>

#include "tools/builder/usage_error.h"
#include "tools/images/usage_filter.h"
#include "util/error.h"
#include "util/log.h"

namespace builder {
namespace {

struct LabelFilter {
  std::string key;
  std::optional<std::string> value;
  bool wanted = true;
};

LabelFilter parse_label(const std::string& text, bool wanted) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) return {text, std::nullopt, wanted};
  return {text.substr(0, equals), text.substr(equals + 1), wanted};
}

bool has_label(const std::map<std::string, std::string>& labels, const LabelFilter& filter) {
  const auto found = labels.find(filter.key);
  return found != labels.end() && (!filter.value || *filter.value == found->second);
}

bool fits_labels(const ImageView& view, const LocalImage& image, const std::vector<LabelFilter>& filters) {
  if (filters.empty()) return true;
  const PlatformImage* platform = image.platform();
  if (platform == nullptr) return false;
  const auto labels = view.config(*platform).labels;
  return std::ranges::all_of(filters, [&](const LabelFilter& filter) { return has_label(labels, filter) == filter.wanted; });
}

bool parse_bool(const std::string& filter, const std::string& value) {
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  throw UsageError(fmt::format("--filter `{}`: true or false is wanted", filter));
}

}  // namespace

ImageFilter image_prune_filter(const ImagePruneOptions& options, std::int64_t now) {
  bool all = options.all;
  std::optional<std::int64_t> until;
  std::vector<LabelFilter> labels;
  for (const std::string& filter : options.filters) {
    const std::size_t equals = filter.find('=');
    const bool negated = equals != std::string::npos && equals > 0 && filter[equals - 1] == '!';
    const std::string key = filter.substr(0, equals == std::string::npos ? equals : equals - (negated ? 1 : 0));
    const std::string value = equals == std::string::npos ? std::string() : filter.substr(equals + 1);
    if (key == "label" && !value.empty()) {
      labels.push_back(parse_label(value, !negated));
    } else if (key == "until" && !negated) {
      until = parse_moment(value, now);
      if (!until) throw UsageError(fmt::format("--filter `{}`: not a time span like 24h or a time", filter));
    } else if (key == "dangling" && !negated) {
      all = !parse_bool(filter, value) || options.all;
    } else {
      throw UsageError(fmt::format("--filter `{}`: unknown", filter), "known: until=24h, label=KEY[=VALUE], label!=KEY[=VALUE], dangling=true|false");
    }
  }
  return [=](const ImageView& view, const LocalImage& image) {
    if (!all && !image.names.empty()) return false;
    if (until && image.created > *until) return false;
    return fits_labels(view, image, labels);
  };
}

std::vector<RemovedImage> prune_images(cache::CacheDir& cache, const ImageFilter& filter) {
  const ImageView view(cache);
  std::vector<RemovedImage> removed;
  for (auto image = view.images().rbegin(); image != view.images().rend(); ++image) {
    try {
      if (filter(view, *image)) removed.push_back(remove_image(cache, view, *image));
    } catch (const util::Error& error) {
      util::log_warning(fmt::format("image `{}` stays: {}", image->id().short_hex(), error.message()));
    }
  }
  return removed;
}

std::string removed_images_text(const std::vector<RemovedImage>& removed) {
  if (removed.empty()) return {};
  std::string text = "Deleted Images:\n";
  for (const RemovedImage& image : removed) {
    for (const std::string& name : image.untagged) text += "untagged: " + name + "\n";
    for (const util::Digest& digest : image.deleted) text += "deleted: " + digest.to_string() + "\n";
  }
  return text + "\n";
}

}  // namespace builder
