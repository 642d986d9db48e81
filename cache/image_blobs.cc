#include "cache/image_blobs.h"

#include <fmt/format.h>

#include "cache/damage.h"
#include "oci/image.h"
#include "util/error.h"
#include "util/log.h"

namespace cache {
namespace {

/// Indexes in indexes; a chain of digests cannot be a circle, but it may be long.
constexpr int kMaxNesting = 8;

void collect(const ContentStore& content, const util::Digest& digest, int depth,
             std::map<util::Digest, BlobRole>& found) {
  found[digest] = BlobRole::document;
  if (depth > kMaxNesting || !content.contains(digest)) return;
  try {
    const std::string bytes = content.read(digest);
    if (oci::is_index(oci::manifest_media_type(bytes))) {
      for (const oci::Descriptor& entry : oci::image_index_from_json(bytes).manifests) {
        if (!found.contains(entry.digest)) collect(content, entry.digest, depth + 1, found);
      }
      return;
    }
    const oci::Manifest manifest = oci::manifest_from_json(bytes);
    found[manifest.config.digest] = BlobRole::document;
    for (const oci::Descriptor& layer : manifest.layers) found.try_emplace(layer.digest, BlobRole::layer);
  } catch (const Damage&) {
    // It has been said.
  } catch (const util::Error& error) {
    util::log_warning(fmt::format("look into image document `{}`: {}", digest.to_string(), error.message()));
  }
}

}  // namespace

std::map<util::Digest, BlobRole> image_blobs(const ContentStore& content, const util::Digest& top) {
  std::map<util::Digest, BlobRole> found;
  collect(content, top, 0, found);
  return found;
}

}  // namespace cache
