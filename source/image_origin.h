#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "cache/content_store.h"
#include "oci/image_layout.h"
#include "oci/image_resolver.h"
#include "oci/registry.h"
#include "util/progress.h"

namespace source {

/// Where the documents and blobs of one image come from: a registry or an OCI layout. What is fetched goes through the
/// content store, so that it is asked for only once.
class ImageOrigin {
 public:
  /// As registered with a layer: an image name, or "layout:/path".
  static ImageOrigin parse(const std::string& origin, cache::ContentStore& content, oci::RegistryClient& registry);
  ImageOrigin(const oci::ImageLocation& location, cache::ContentStore& content, oci::RegistryClient& registry);

  std::string to_string() const;
  /// For people: "docker.io/library/alpine:3.20", "oci-layout:///path:tag".
  std::string display() const;
  bool is_layout() const { return layout_.has_value(); }
  const oci::Reference& reference() const { return reference_; }

  /// A manifest or index by digest.
  std::string manifest(const util::Digest& digest, std::stop_token stop) const;
  /// The manifest or index that the location names, from the origin itself. Stored.
  oci::ManifestBytes top(std::stop_token stop) const;
  std::string config(const oci::Descriptor& descriptor, std::stop_token stop) const;
  /// A layer's blob into the content store. `task` may be null.
  void blob(const oci::Descriptor& descriptor, util::ProgressTask* task, std::stop_token stop) const;

 private:
  std::optional<std::string> stored(const util::Digest& digest) const;
  void download(const oci::Descriptor& descriptor, const oci::TransferProgress& progress, std::stop_token stop) const;

  ImageOrigin(cache::ContentStore& content, oci::RegistryClient& registry) : content_(content), registry_(registry) {}

  cache::ContentStore& content_;
  oci::RegistryClient& registry_;
  std::string layout_path_, layout_tag_;
  util::Digest layout_digest_;
  std::optional<oci::ImageLayout> layout_;
  oci::Reference reference_;
};

}  // namespace source
