#pragma once

#include <optional>
#include <stop_token>
#include <vector>

#include "cache/layer_store.h"
#include "exporter/exporter.h"
#include "exporter/image_writer.h"
#include "oci/platform.h"
#include "tools/images/image_view.h"
#include "util/progress.h"

namespace builder {

/// An image of the store as the exporters take it: what a build hands to them, read back.
struct CarriedImage {
  exporter::WrittenImage written;
  std::vector<exporter::PlatformImage> platforms;  ///< parallel to those of `written`
  std::vector<oci::Platform> absent;               ///< platforms of its index that are not in the store
};

/// Reads an image, or with `platform` just that part of it. Layers that are not in the store (a lazy base) are known to the
/// layer store afterwards, with where they are. Throws util::Error: damaged image, no such platform.
CarriedImage carry(const LocalImage& image, const std::optional<oci::Platform>& platform, const ImageView& view,
                   cache::CacheDir& cache);

/// Brings the layers that are missing into the store. Throws util::Error.
void fetch_layers(const CarriedImage& image, cache::LayerStore& layers, util::ProgressTask& task, std::stop_token stop);

}  // namespace builder
