#pragma once

#include <stop_token>

#include "cache/content_store.h"
#include "oci/descriptor.h"
#include "util/digest.h"
#include "util/stream.h"

namespace builder {

/// A layer that was made of a tar archive.
struct ImportedLayer {
  oci::Descriptor descriptor;
  util::Digest diff_id;
};

/// Puts a tar archive into the content store as a layer. One that is packed with gzip or zstd stays as it is to the byte;
/// anything else (plain, bzip2, xz) is packed with gzip, as registries and the store keep layers. Reads the whole archive:
/// throws util::Error when it is damaged or no tar archive; nothing is stored then.
ImportedLayer import_layer(util::Reader& from, const cache::ContentStore& content, const std::stop_token& stop);

}  // namespace builder
