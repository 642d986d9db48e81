#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "cache/content_store.h"
#include "oci/descriptor.h"

namespace cache {

/// The role of a blob in an image.
enum class BlobRole { document, layer };  ///< document: index, manifest, config

/// Every blob that the image `top` (manifest or index) refers to, itself included. What is not in the store is named
/// too, but not looked into. A document that cannot be read is reported as a warning and has no further parts.
std::map<util::Digest, BlobRole> image_blobs(const ContentStore& content, const util::Digest& top);

}  // namespace cache
