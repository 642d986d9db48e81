#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cache/cache_dir.h"
#include "tools/images/image_view.h"
#include "util/digest.h"

namespace builder {

/// What deleting an image did.
struct RemovedImage {
  std::vector<std::string> untagged;  ///< names, familiar
  /// Empty while the image has other names; else its id, then the diff id of each layer whose bytes went, the topmost first.
  std::vector<util::Digest> deleted;
  std::uint64_t bytes = 0;  ///< that became free
};

/// Takes an image out of the store with all its names. Bytes that neither another image nor the build cache knows go with
/// it. Throws util::Error.
RemovedImage remove_image(cache::CacheDir& cache, const ImageView& view, const LocalImage& image);

/// What `rmi ARGUMENT` does: a name is taken away, and the image with its last name; an id stands for the image with all its names.
/// Throws ImageNotFound; util::Error where an id has names in several repositories, unless `force`.
std::vector<RemovedImage> remove_by_argument(cache::CacheDir& cache, const std::string& argument, bool force);

}  // namespace builder
