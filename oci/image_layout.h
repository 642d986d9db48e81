#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "oci/image.h"
#include "util/stream.h"

namespace oci {

inline constexpr std::string_view kRefNameAnnotation = "org.opencontainers.image.ref.name";
inline constexpr std::string_view kImageNameAnnotation = "io.containerd.image.name";

/// Read access to an OCI image layout directory (image-spec image-layout.md). Not cached; thread-safe.
class ImageLayout {
 public:
  /// Throws util::Error when the directory has no valid `oci-layout` file.
  explicit ImageLayout(std::filesystem::path directory);
  ImageIndex index() const;
  /// The top descriptor with this tag in org.opencontainers.image.ref.name (plain tag or full name) or this
  /// digest; an empty tag means "latest", or the only entry. Throws util::Error that lists what is there.
  Descriptor find(const std::string& tag, const util::Digest& digest) const;
  /// The bytes of a small blob (manifest, config), digest verified. Throws util::Error.
  std::string read_blob(const Descriptor& descriptor) const;
  /// A blob's file; not verified.
  std::filesystem::path blob_path(const util::Digest& digest) const;

 private:
  std::filesystem::path directory_;
};

}  // namespace oci
