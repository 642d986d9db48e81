// Images of docker's own archives: manifest.json with configs and uncompressed layers.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "oci/image.h"
#include "oci/json_text.h"
#include "tools/images/archive_kinds.h"
#include "tools/images/layer_import.h"
#include "util/compression.h"
#include "util/error.h"
#include "util/json.h"

namespace builder {
namespace {

constexpr std::size_t kHexDigits = 64;

/// An image that was looked at and may be stored.
struct DockerImage {
  DockerEntry entry;
  std::string config_text;
  oci::ImageConfig config;
};

/// Configs are named for their digest: "HEX.json", "blobs/sha256/HEX".
void check_config_name(const std::string& path, const util::Digest& digest) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::string stem = name.substr(0, name.find('.'));
  const bool is_digest = stem.size() == kHexDigits && stem.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (is_digest && stem != digest.hex()) throw util::Error(fmt::format("`{}` is damaged: its digest is another one", path));
}

util::Encoding encoding_of(const ArchiveStage& archive, const std::string& path) {
  std::vector<std::byte> head(6);
  const std::unique_ptr<util::Reader> reader = archive.open(path);
  const std::size_t count = reader->read(head);
  return util::detect_encoding(util::Bytes(head).first(count));
}

DockerImage check_image(const ArchiveStage& archive, DockerEntry entry, const std::optional<oci::Platform>& platform) {
  DockerImage image;
  image.config_text = archive.text(entry.config);
  check_config_name(entry.config, util::sha256_of(image.config_text));
  image.config = oci::image_config_from_json(image.config_text);
  check_platform(image.config.platform, platform);
  if (entry.layers.size() != image.config.diff_ids.size()) {
    throw util::Error(fmt::format("manifest.json has {} layers, but the config {}", entry.layers.size(), image.config.diff_ids.size()));
  }
  for (std::size_t i = 0; i < entry.layers.size(); ++i) {
    const std::string& path = entry.layers[i];
    if (!archive.contains(path)) throw util::Error(fmt::format("layer `{}` is missing", path), "the archive is damaged, or was cut");
    const bool plain = encoding_of(archive, path) == util::Encoding::identity;
    if (plain && archive.digest(path) != image.config.diff_ids[i]) {
      throw util::Error(fmt::format("layer `{}` is damaged: its digest is not what the config says", path));
    }
  }
  image.entry = std::move(entry);
  return image;
}

class DockerStorer {
 public:
  DockerStorer(const ArchiveStage& archive, const cache::ContentStore& content, const std::stop_token& stop)
      : archive_(archive), content_(content), stop_(stop) {}

  LoadedImage store(const DockerImage& image) {
    oci::Manifest manifest;
    manifest.media_type = oci::kOciManifest;
    manifest.config = put(oci::kOciConfig, image.config_text);
    for (std::size_t i = 0; i < image.entry.layers.size(); ++i) {
      manifest.layers.push_back(layer(image.entry.layers[i], image.config.diff_ids[i]));
    }
    LoadedImage loaded;
    loaded.descriptor = put(manifest.media_type, oci::to_json_text(manifest));
    loaded.id = manifest.config.digest;
    for (const std::string& name : image.entry.names) loaded.names.push_back(oci::Reference::parse(name));
    return loaded;
  }

 private:
  oci::Descriptor put(std::string_view media_type, const std::string& text) const {
    oci::Descriptor descriptor;
    descriptor.media_type = media_type;
    descriptor.digest = content_.put(text).digest;
    descriptor.size = static_cast<std::int64_t>(text.size());
    return descriptor;
  }
  const oci::Descriptor& layer(const std::string& path, const util::Digest& diff_id) {
    const auto known = layers_.find(diff_id);
    if (known != layers_.end()) return known->second;
    const std::unique_ptr<util::Reader> reader = archive_.open(path);
    const ImportedLayer imported = util::with_context(fmt::format("layer `{}`", path), [&] {
      ImportedLayer made = import_layer(*reader, content_, stop_);
      if (made.diff_id != diff_id) throw util::Error("it is damaged: its digest is not what the config says");
      return made;
    });
    return layers_.emplace(diff_id, imported.descriptor).first->second;
  }

  const ArchiveStage& archive_;
  const cache::ContentStore& content_;
  const std::stop_token& stop_;
  std::map<util::Digest, oci::Descriptor> layers_;
};

}  // namespace

std::vector<DockerEntry> read_docker_manifest(const ArchiveStage& archive) {
  const nlohmann::json value = util::parse_json(archive.text("manifest.json"), "manifest.json");
  if (!value.is_array()) throw util::Error("manifest.json is not a list");
  std::vector<DockerEntry> entries;
  for (const nlohmann::json& item : value) {
    const oci::JsonFields fields(item, "manifest.json");
    entries.push_back({fields.text("Config"), fields.texts("RepoTags"), fields.texts("Layers")});
    for (const std::string& name : entries.back().names) (void)oci::Reference::parse(name);
  }
  return entries;
}

std::vector<LoadedImage> store_docker_images(const ArchiveStage& archive, const std::optional<oci::Platform>& platform,
                                             const cache::ContentStore& content, const std::stop_token& stop) {
  std::vector<DockerImage> images;
  for (DockerEntry& entry : read_docker_manifest(archive)) images.push_back(check_image(archive, std::move(entry), platform));
  if (images.empty()) throw util::Error("there is no image in it");
  DockerStorer storer(archive, content, stop);
  std::vector<LoadedImage> loaded;
  for (const DockerImage& image : images) loaded.push_back(storer.store(image));
  return loaded;
}

}  // namespace builder
