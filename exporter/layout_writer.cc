#include "exporter/layout_writer.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "exporter/output_directory.h"
#include "exporter/output_file.h"
#include "oci/image.h"
#include "oci/image_layout.h"
#include "oci/platform.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/parallel.h"
#include "util/temp.h"

namespace exporter {
namespace {

constexpr std::string_view kLayoutFile = R"({"imageLayoutVersion":"1.0.0"})";

/// One entry per name, or one without.
void add_entries(const NamedImage& named, std::vector<oci::Descriptor>& entries) {
  oci::Descriptor plain = named.image.descriptor;
  // For the metadata file only.
  plain.annotations.erase("config.digest");
  if (named.names.empty()) entries.push_back(plain);
  for (const oci::Reference& name : named.names) {
    oci::Descriptor entry = plain;
    entry.annotations[std::string(oci::kImageNameAnnotation)] = name.to_string();
    if (!name.tag.empty()) entry.annotations[std::string(oci::kRefNameAnnotation)] = name.tag;
    entries.push_back(std::move(entry));
  }
}

const WrittenImage::Platform& shown_platform(const WrittenImage& image) {
  const oci::Platform here = oci::Platform::local();
  auto score = [&](const WrittenImage::Platform& platform) {
    return platform.manifest.platform ? oci::match_score(here, platform.manifest.platform->normalized()) : 0;
  };
  return *std::max_element(image.platforms.begin(), image.platforms.end(),
                           [&](const auto& a, const auto& b) { return score(a) < score(b); });
}

/// What `docker load` reads besides the layout: an entry per image, with all its names as people write them.
std::string docker_manifest(std::span<const NamedImage> images) {
  nlohmann::json entries = nlohmann::json::array();
  for (const NamedImage& named : images) {
    if (named.image.platforms.empty()) continue;
    const WrittenImage::Platform& platform = shown_platform(named.image);
    nlohmann::json layers = nlohmann::json::array();
    for (const cache::LayerBlob& layer : platform.layers) layers.push_back(blob_path(layer.descriptor.digest));
    nlohmann::json entry = {{"Config", blob_path(platform.config.digest)}, {"RepoTags", nullptr}, {"Layers", layers}};
    auto known = std::find_if(entries.begin(), entries.end(), [&](const nlohmann::json& other) {
      return other["Config"] == entry["Config"] && other["Layers"] == layers;
    });
    nlohmann::json& target = known == entries.end() ? entries.emplace_back(std::move(entry)) : *known;
    for (const oci::Reference& name : named.names) target["RepoTags"].push_back(name.familiar());
  }
  return util::dump_json(entries);
}

/// Blobs first, index.json last: whoever reads the directory meanwhile sees whole images only.
void write_blobs(const Layout& layout, const std::filesystem::path& directory, const cache::ContentStore& content,
                 const std::stop_token& stop) {
  util::make_directories(directory / "blobs/sha256");
  for (const auto& [path, digest] : layout.blobs) {
    std::optional<util::FileStat> there = util::find_stat_at(AT_FDCWD, directory / path);
    std::optional<cache::BlobInfo> info = content.find(digest);
    if (there && info && there->type == util::FileType::regular && there->size == info->size) continue;
    util::AtomicFile file(directory / path);
    util::FdWriter writer(file.fd());
    copy_bytes(*content.open(digest), writer, stop);
    file.commit();
  }
}

std::string name_of(const oci::Descriptor& entry) {
  auto name = entry.annotations.find(std::string(oci::kImageNameAnnotation));
  return name == entry.annotations.end() ? std::string() : name->second;
}

/// The entries of a layout that stays, with the new ones: the same name moves to the new image.
std::string merge_index(const std::filesystem::path& file, const std::vector<oci::Descriptor>& entries) {
  oci::ImageIndex index = oci::image_index_from_json(util::read_file(file));
  for (const oci::Descriptor& entry : entries) {
    std::erase_if(index.manifests, [&](const oci::Descriptor& old) {
      std::string name = name_of(old);
      return name == name_of(entry) && (!name.empty() || old.digest == entry.digest);
    });
    index.manifests.push_back(entry);
  }
  return oci::to_json_text(index);
}

void write_into(const Layout& layout, const std::filesystem::path& directory, const cache::ContentStore& content,
                const std::stop_token& stop) {
  write_blobs(layout, directory, content, stop);
  for (const auto& [path, text] : layout.documents) {
    bool merge = path == "index.json" && std::filesystem::exists(directory / path);
    util::write_file_atomically(directory / path, merge ? merge_index(directory / path, layout.entries) : text);
  }
}

}  // namespace

void add_blob(ArchiveWriter& archive, const util::Digest& digest, const cache::ContentStore& content, const std::stop_token& stop) {
  const std::optional<cache::BlobInfo> info = content.find(digest);
  if (!info) throw util::Error(fmt::format("export blob `{}`: it is not in the cache", digest.to_string()));
  archive.blob(blob_path(digest), *info, content, stop);
}

std::string blob_path(const util::Digest& digest) {
  return fmt::format("blobs/{}/{}", digest.algorithm(), digest.hex());
}

void verify_blobs(const Layout& layout, const cache::ContentStore& content, const std::stop_token& stop) {
  std::vector<util::Digest> blobs;
  for (const auto& [path, digest] : layout.blobs) blobs.push_back(digest);
  util::for_each_parallel(
      blobs.size(), 0, [&](std::size_t i, const std::stop_token& own_stop) { content.verify(blobs[i], own_stop); }, stop);
}

Layout make_layout(std::span<const NamedImage> images, bool docker) {
  Layout layout;
  auto add = [&](const util::Digest& digest) { return layout.blobs.emplace(blob_path(digest), digest).second; };
  for (const NamedImage& named : images) {
    add(named.image.descriptor.digest);
    for (const WrittenImage::Platform& platform : named.image.platforms) {
      add(platform.manifest.digest);
      add(platform.config.digest);
      for (const cache::LayerBlob& layer : platform.layers) {
        if (add(layer.descriptor.digest)) layout.layers.push_back(layer.descriptor.digest);
      }
    }
    add_entries(named, layout.entries);
  }
  oci::ImageIndex index;
  index.media_type = oci::kOciIndex;
  index.manifests = layout.entries;
  layout.documents["index.json"] = oci::to_json_text(index);
  layout.documents["oci-layout"] = kLayoutFile;
  if (docker) layout.documents["manifest.json"] = docker_manifest(images);
  return layout;
}

void begin_layout_archive(ArchiveWriter& archive) {
  archive.directory("blobs");
  archive.directory("blobs/sha256");
}

void end_layout_archive(ArchiveWriter& archive, const Layout& layout, const cache::ContentStore& content,
                        const std::stop_token& stop) {
  for (const auto& [path, digest] : layout.blobs) {
    if (std::ranges::find(layout.layers, digest) == layout.layers.end()) add_blob(archive, digest, content, stop);
  }
  for (const auto& [path, text] : layout.documents) {
    util::StringReader reader(text);
    archive.file(path, text.size(), reader, stop);
  }
  archive.finish();
}

void write_layout_archive(const Layout& layout, util::Writer& to, const cache::ContentStore& content,
                          const std::stop_token& stop) {
  verify_blobs(layout, content, stop);
  ArchiveWriter archive(to);
  begin_layout_archive(archive);
  for (const util::Digest& layer : layout.layers) add_blob(archive, layer, content, stop);
  end_layout_archive(archive, layout, content, stop);
}

void write_layout_directory(const Layout& layout, const std::string& destination, const cache::ContentStore& content,
                            const std::stop_token& stop) {
  verify_blobs(layout, content, stop);
  std::filesystem::path path = std::filesystem::absolute(destination).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  if (std::filesystem::exists(path)) {
    const util::Fd lock = lock_directory(path);  // other builds may be adding to the same layout
    return write_into(layout, path, content, stop);
  }
  OutputDirectory directory(path);
  write_into(layout, directory.path(), content, stop);
  directory.finish();
}

}  // namespace exporter
