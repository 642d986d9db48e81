#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/content_store.h"
#include "oci/descriptor.h"
#include "oci/platform.h"
#include "oci/reference.h"
#include "tools/images/archive_stage.h"

namespace builder {

/// An image of an archive, in the content store by now.
struct LoadedImage {
  oci::Descriptor descriptor;  ///< manifest or index
  util::Digest id;             ///< of its (first) config
  std::vector<oci::Reference> names;
};

/// Checks the images of an archive and only then puts what they are made of into the content store: OCI layouts
/// (image-spec image-layout.md; docker 25 and later write them too), else docker's manifest.json. With `platform` just that
/// part of each image. Throws util::Error: damaged or incomplete archive, no such platform.
std::vector<LoadedImage> store_images(const ArchiveStage& archive, const std::optional<oci::Platform>& platform,
                                      const cache::ContentStore& content, const std::stop_token& stop);

}  // namespace builder
