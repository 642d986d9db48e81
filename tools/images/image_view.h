#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cache/cache_dir.h"
#include "oci/descriptor.h"
#include "oci/image.h"
#include "oci/platform.h"
#include "oci/reference.h"
#include "util/digest.h"
#include "util/error.h"

namespace builder {

/// One manifest of an image.
struct PlatformImage {
  oci::Descriptor manifest;
  oci::Platform platform;
  bool attestation = false;  ///< provenance, SBOM: BuildKit's entries for "unknown/unknown"
  bool present = false;      ///< manifest and config are in the content store; else `config` and `layers` are empty
  oci::Descriptor config;
  std::vector<oci::Descriptor> layers;
};

/// One image of the store: a manifest or an index, and every name that points to it.
struct LocalImage {
  oci::Descriptor descriptor;            ///< of the manifest or index; its digest is the image's digest ("RepoDigests")
  std::vector<std::string> names;        ///< full: "docker.io/library/x:latest", sorted; none = untagged ("dangling")
  std::vector<PlatformImage> platforms;  ///< in the order of the index; just one for a manifest
  std::size_t chosen = 0;    ///< which platform is shown: the one fitting this machine best, else the first present
  std::int64_t created = 0;  ///< nanoseconds, as the chosen config says; 0 = it does not say
  std::string damage;        ///< not empty: why the image cannot be read; then `platforms` may be empty

  /// What docker shows as the image id: the digest of the chosen platform's config; of an image that cannot be read, or
  /// of which no platform is here, the digest of its manifest. Images that differ only in how layers are packed share
  /// it.
  util::Digest id() const;
  /// The chosen platform; nullptr when no platform is here.
  const PlatformImage* platform() const;
  /// The one that fits `wanted` best among those that are here; nullptr when none does.
  const PlatformImage* platform(const oci::Platform& wanted) const;
  /// "name@sha256:…", familiar, one for each repository among the names, sorted.
  std::vector<std::string> repository_digests() const;
};

/// What an IMAGE argument means.
struct FoundImage {
  const LocalImage* image = nullptr;  ///< lives as long as the view
  /// The name that was given, normalised ("docker.io/library/x:latest"), when the argument was a name with a tag; for
  /// an id or a digest there is none. `rmi` removes just this name.
  std::optional<std::string> name;
};

/// No image fits an argument, or several do. The message is docker's ("No such image: x:latest"); the hint names near
/// ones.
class ImageNotFound : public util::Error {
  using util::Error::Error;
};

/// The images of the store as they were when the view was made: what `images`, `inspect`, `tag`, `rmi`, `push`, `save`,
/// … look at. Reads index.json, manifests and configs only; needs no user namespace. Not thread-safe.
class ImageView {
 public:
  /// Reads the store. An image that cannot be read is listed with its `damage`, and hides no other. `cache` must
  /// outlive the view.
  explicit ImageView(cache::CacheDir& cache);

  /// Newest first; images of the same age by their ids.
  const std::vector<LocalImage>& images() const { return images_; }

  /// Finds an image as docker does: name[:tag] ("latest" if there is none), name@digest (digest of the image or of one
  /// of its platforms), full id with or without "sha256:", or a prefix of an id; a name wins over an id prefix. Digests
  /// of images and platform manifests count as ids too. Throws ImageNotFound; for a prefix of several ids it names
  /// them. Throws util::Error for what can be neither name nor id.
  FoundImage find(std::string_view argument) const;

  /// As `save` does: a name without a tag stands for every tag of its repository. Never empty. Throws as `find`.
  std::vector<FoundImage> find_all(std::string_view argument) const;

  /// The platform of an image that `inspect`, `history`, … are about: `wanted` ("linux/arm64") if it is not empty, else
  /// the chosen one. Throws ImageNotFound, and util::Error when the image is damaged or that platform is not here.
  const PlatformImage& find_platform(std::string_view argument, const std::string& wanted) const;

  /// All images with that id (see LocalImage::id).
  std::vector<const LocalImage*> with_id(const util::Digest& id) const;

  /// Config of a platform that is present. Throws util::Error when it has vanished or is damaged.
  oci::ImageConfig config(const PlatformImage& platform) const;
  /// The same as text, with the fields that we do not know.
  std::string config_text(const PlatformImage& platform) const;

  /// Bytes of a layer unpacked, the sum of its files as docker counts; of a blob that was never unpacked they are
  /// counted now, once. Of a layer that is not here (a lazy base) the packed size, which is all that is known.
  std::uint64_t layer_size(const oci::Descriptor& layer, const util::Digest& diff_id) const;
  /// layer_size of each layer, the lowest first.
  std::vector<std::uint64_t> layer_sizes(const PlatformImage& platform) const;
  /// Their sum for the chosen platform: what `images` shows as SIZE.
  std::uint64_t size(const LocalImage& image) const;

 private:
  const LocalImage* find_name(const oci::Reference& name) const;
  std::vector<const LocalImage*> with_digest_prefix(const std::string& hex) const;
  [[noreturn]] void throw_not_found(std::string_view argument) const;

  cache::CacheDir& cache_;
  std::vector<LocalImage> images_;
};

}  // namespace builder
