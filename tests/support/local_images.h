#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cache/cache_dir.h"
#include "oci/image.h"
#include "oci/layer.h"
#include "tests/support/test_dir.h"
#include "tools/images/image_view.h"
#include "util/stream.h"

namespace test {

/// A layer as tar, with one file.
inline std::string layer_tar(const std::string& path, const std::string& content) {
  util::StringWriter to;
  oci::LayerWriter writer(to);
  oci::LayerEntry entry;
  entry.path = path;
  entry.mode = 0644;
  entry.size = content.size();
  util::StringReader bytes(content);
  writer.add(entry, &bytes);
  writer.finish();
  return to.text();
}

/// A store that images are put into.
struct LocalImages {
  TestDir dir;
  cache::CacheDir cache{dir.path() / "store"};

  oci::Descriptor put(const std::string& text, std::string_view media_type) {
    oci::Descriptor descriptor;
    const cache::BlobInfo blob = cache.content().put(text);
    descriptor.media_type = media_type;
    descriptor.digest = blob.digest;
    descriptor.size = static_cast<std::int64_t>(blob.size);
    return descriptor;
  }
  /// An image of these layers.
  oci::Descriptor image(oci::ImageConfig config, const std::vector<std::string>& tars) {
    oci::Manifest manifest;
    manifest.media_type = oci::kOciManifest;
    for (const std::string& tar : tars) {
      config.diff_ids.push_back(util::sha256_of(tar));
      manifest.layers.push_back(put(tar, oci::kOciLayer));
    }
    manifest.config = put(oci::to_json_text(config), oci::kOciConfig);
    return put(oci::to_json_text(manifest), oci::kOciManifest);
  }
  /// One layer with a file that holds `content`.
  oci::Descriptor manifest(const std::string& created, const std::string& content,
                           const std::string& platform = "linux/amd64") {
    oci::ImageConfig config;
    config.created = created;
    config.platform = oci::Platform::parse(platform);
    return image(config, {layer_tar("file", content)});
  }
  void tag(const std::string& name, const oci::Descriptor& image) {
    cache.images().tag(oci::Reference::parse(name), image);
  }
  builder::ImageView view() { return builder::ImageView(cache); }
};

}  // namespace test
