#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cache/content_store.h"
#include "oci/descriptor.h"
#include "oci/reference.h"

namespace cache {

struct StoredImage {
  std::string name;            ///< "docker.io/library/x:latest", "docker.io/library/x@sha256:…"; "" = untagged
  oci::Descriptor descriptor;  ///< manifest or index
};

/// Named images of this machine: index.json of the root's OCI layout. Changes are made under a file lock and by
/// rename, so processes may share it. Thread-safe.
class ImageStore {
 public:
  ImageStore(std::filesystem::path layout, ContentStore& content);
  /// Gives `descriptor` the name, taking it from the image that had it (which stays, untagged).
  void tag(const oci::Reference& name, const oci::Descriptor& descriptor);
  /// Names it by its own digest, "docker.io/library/x@sha256:…": it was pulled so.
  void name_by_digest(const oci::Reference& repository, const oci::Descriptor& descriptor);
  /// Keeps an image without a name (`build` without -t).
  void add_untagged(const oci::Descriptor& descriptor);
  std::optional<oci::Descriptor> find(const oci::Reference& name);
  /// True if the name existed.
  bool untag(const oci::Reference& name);
  /// Takes the image out, with all its names; its blobs stay. True if it was there.
  bool remove(const util::Digest& digest);
  std::vector<StoredImage> list();

 private:
  std::filesystem::path layout_;
  ContentStore& content_;
};

}  // namespace cache
