#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tools/images/image_view.h"
#include "tools/images/remove_images.h"

namespace builder {

/// Which images `image prune` takes.
struct ImagePruneOptions {
  bool all = false;  ///< also those with names; else just images without
  std::vector<std::string> filters;  ///< until=…, label=KEY[=VALUE], label!=KEY[=VALUE], dangling=false (as --all)
};

using ImageFilter = std::function<bool(const ImageView& view, const LocalImage& image)>;

/// All filters together, with `all`. `now` in nanoseconds. Throws UsageError.
ImageFilter image_prune_filter(const ImagePruneOptions& options, std::int64_t now);

/// Removes the images that fit, oldest first. An image that cannot be removed is reported as a warning and left.
std::vector<RemovedImage> prune_images(cache::CacheDir& cache, const ImageFilter& filter);

/// "Deleted Images:\nuntagged: …\ndeleted: …\n\n"; nothing for no images.
std::string removed_images_text(const std::vector<RemovedImage>& removed);

}  // namespace builder
