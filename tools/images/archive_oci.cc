// Images of an OCI layout.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "oci/image.h"
#include "oci/image_layout.h"
#include "tools/images/archive_kinds.h"
#include "util/error.h"

namespace builder {
namespace {

constexpr int kMaxNesting = 4;

std::string blob_path(const util::Digest& digest) { return fmt::format("blobs/{}/{}", digest.algorithm(), digest.hex()); }

/// The image's name that an entry of index.json has; a bare tag, as skopeo writes it, is none.
std::optional<oci::Reference> name_of(const oci::Descriptor& entry) {
  for (const std::string_view annotation : {oci::kImageNameAnnotation, oci::kRefNameAnnotation}) {
    const auto found = entry.annotations.find(std::string(annotation));
    if (found == entry.annotations.end() || found->second.find_first_of("/:") == std::string::npos) continue;
    return oci::Reference::parse(found->second);
  }
  return std::nullopt;
}

class OciArchive {
 public:
  OciArchive(const ArchiveStage& archive, const std::optional<oci::Platform>& platform, const cache::ContentStore& content)
      : archive_(archive), platform_(platform), content_(content) {}

  std::vector<LoadedImage> store();

 private:
  bool has(const util::Digest& digest) const { return archive_.contains(blob_path(digest)) || content_.contains(digest); }
  std::string document(const util::Digest& digest);
  void plan(const util::Digest& digest);
  void plan_image(const LoadedImage& image, int depth = 0);
  void plan_manifest(const LoadedImage& image, const std::string& text);
  oci::Descriptor choose(const oci::Descriptor& top);
  LoadedImage& image_of(std::vector<LoadedImage>& images, const oci::Descriptor& entry);
  void add_docker_names(std::vector<LoadedImage>& images) const;

  const ArchiveStage& archive_;
  const std::optional<oci::Platform>& platform_;
  const cache::ContentStore& content_;
  std::vector<util::Digest> planned_;  ///< what a document names comes before it
  std::set<util::Digest> seen_;
  std::set<util::Digest> visited_;  ///< manifests and indexes of the image that is being looked at
  util::Digest first_config_;
};

/// A manifest, index or config; from the store when the archive leaves it out because it was there already.
std::string OciArchive::document(const util::Digest& digest) {
  const std::string path = blob_path(digest);
  if (!archive_.contains(path)) return content_.read(digest);
  std::string text = archive_.text(path);
  if (util::sha256_of(text) != digest) throw util::Error(fmt::format("`{}` is damaged: its digest is another one", path));
  return text;
}

void OciArchive::plan(const util::Digest& digest) {
  if (!seen_.insert(digest).second) return;
  const std::string path = blob_path(digest);
  if (content_.contains(digest)) return;
  if (archive_.digest(path) != digest) throw util::Error(fmt::format("`{}` is damaged: its digest is another one", path));
  planned_.push_back(digest);
}

void OciArchive::plan_manifest(const LoadedImage& image, const std::string& text) {
  const oci::Manifest manifest = oci::manifest_from_json(text);
  if (!has(manifest.config.digest)) {
    throw util::Error(fmt::format("config `{}` is missing", manifest.config.digest.to_string()), "the archive is incomplete");
  }
  const oci::ImageConfig config = oci::image_config_from_json(document(manifest.config.digest));
  check_platform(config.platform, platform_);
  if (!first_config_) first_config_ = manifest.config.digest;
  for (const oci::Descriptor& layer : manifest.layers) {
    if (has(layer.digest)) {
      plan(layer.digest);
    } else if (layer.urls.empty()) {
      throw util::Error(fmt::format("layer `{}` is missing", layer.digest.to_string()), "the archive is incomplete");
    }
  }
  plan(manifest.config.digest);
  plan(image.descriptor.digest);
}

/// Platforms that are not in the archive are left out, as whoever wrote it did.
void OciArchive::plan_image(const LoadedImage& image, int depth) {
  // Indexes that name the same parts again and again, level by level, would take forever.
  if (!visited_.insert(image.descriptor.digest).second) return;
  const std::string text = document(image.descriptor.digest);
  if (!oci::is_index(oci::manifest_media_type(text))) return plan_manifest(image, text);
  if (depth == kMaxNesting) throw util::Error("image indexes are nested too deeply");
  bool any = false;
  for (const oci::Descriptor& entry : oci::image_index_from_json(text).manifests) {
    if (!has(entry.digest)) continue;
    plan_image({entry, {}, {}}, depth + 1);
    any = true;
  }
  if (!any) throw util::Error(fmt::format("no image of index `{}` is in it", image.descriptor.digest.to_string()));
  plan(image.descriptor.digest);
}

/// What is to be the image: the entry of index.json, or its part for the platform.
oci::Descriptor OciArchive::choose(const oci::Descriptor& top) {
  if (!has(top.digest)) throw util::Error(fmt::format("manifest `{}` is missing", top.digest.to_string()), "the archive is incomplete");
  oci::Descriptor chosen = top;
  for (int depth = 0; depth <= kMaxNesting; ++depth) {
    const std::string text = document(chosen.digest);
    chosen.media_type = oci::manifest_media_type(text, chosen.media_type);
    chosen.size = static_cast<std::int64_t>(text.size());
    if (!platform_ || !oci::is_index(chosen.media_type)) break;
    const oci::ImageIndex index = oci::image_index_from_json(text);
    const oci::Descriptor* part = oci::select_platform(index, *platform_);
    if (part == nullptr || !has(part->digest)) throw util::Error(fmt::format("there is no image for {} in it", platform_->to_string()));
    chosen = *part;
  }
  chosen.annotations.erase(std::string(oci::kImageNameAnnotation));
  chosen.annotations.erase(std::string(oci::kRefNameAnnotation));
  return chosen;
}

LoadedImage& OciArchive::image_of(std::vector<LoadedImage>& images, const oci::Descriptor& entry) {
  oci::Descriptor chosen = choose(entry);
  const auto known = std::ranges::find(images, chosen.digest, [](const LoadedImage& image) { return image.descriptor.digest; });
  if (known != images.end()) return *known;
  LoadedImage image{std::move(chosen), {}, {}};
  first_config_ = {};
  visited_.clear();
  plan_image(image);
  image.id = first_config_;
  return images.emplace_back(std::move(image));
}

/// Names that only docker's part of the archive has.
void OciArchive::add_docker_names(std::vector<LoadedImage>& images) const {
  if (!archive_.contains("manifest.json")) return;
  for (const DockerEntry& entry : read_docker_manifest(archive_)) {
    for (LoadedImage& image : images) {
      if (!image.names.empty() || entry.config != blob_path(image.id)) continue;
      for (const std::string& name : entry.names) image.names.push_back(oci::Reference::parse(name));
    }
  }
}

std::vector<LoadedImage> OciArchive::store() {
  std::vector<LoadedImage> images;
  for (const oci::Descriptor& entry : oci::image_index_from_json(archive_.text("index.json")).manifests) {
    LoadedImage& image = image_of(images, entry);
    if (const auto name = name_of(entry)) image.names.push_back(*name);
  }
  if (images.empty()) throw util::Error("there is no image in it");
  add_docker_names(images);
  for (const util::Digest& digest : planned_) archive_.store(blob_path(digest), digest, content_);
  return images;
}

}  // namespace

std::vector<LoadedImage> store_oci_images(const ArchiveStage& archive, const std::optional<oci::Platform>& platform,
                                          const cache::ContentStore& content) {
  return OciArchive(archive, platform, content).store();
}

}  // namespace builder
