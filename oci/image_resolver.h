#pragma once

#include <string>
#include <vector>

#include "oci/image.h"
#include "oci/platform.h"

namespace oci {

/// Where an image is looked for.
struct ImageLocation {
  enum class Kind { registry, layout };
  Kind kind = Kind::registry;
  std::string reference;     ///< registry: any image name
  std::string layout_path;   ///< layout: directory of an OCI image layout
  std::string layout_tag;    ///< layout: tag ("" = "latest", or the only image) ...
  util::Digest layout_digest;  ///< ... or digest
};

/// A name pinned to a manifest of one platform.
struct ResolvedImage {
  ImageLocation location;
  util::Digest manifest;       ///< of the platform's manifest
  util::Digest top;            ///< of what the name pointed at (index or manifest)
  ImageConfig config;
};

/// Seam between frontend and network. The result of a name and platform is the same during a whole build.
/// Thread-safe. Throws util::Error (unknown tag, unreachable registry, no such platform).
class ImageResolver {
 public:
  virtual ~ImageResolver() = default;
  virtual ResolvedImage resolve(const ImageLocation& location, const Platform& platform) = 0;
};

}  // namespace oci
