#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "exporter/annotations.h"
#include "exporter/exporters.h"
#include "exporter/image_report.h"
#include "exporter/image_writer.h"
#include "exporter/output_file.h"
#include "oci/image_layout.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/json.h"
#include "util/tar.h"
#include "util/temp.h"

namespace exporter {
namespace {

constexpr std::string_view kLayoutFile = R"({"imageLayoutVersion":"1.0.0"})";

/// The layout's contents: the documents and blobs under their paths, sorted as they go into an archive.
struct Layout {
  std::map<std::string, std::string> documents;
  std::map<std::string, util::Digest> blobs;
};

std::string blob_path(const util::Digest& digest) {
  return fmt::format("blobs/{}/{}", digest.algorithm(), digest.hex());
}

/// One entry per name, or one without.
std::vector<oci::Descriptor> index_entries(const WrittenImage& image, const ExportRequest& request) {
  oci::Descriptor plain = image.descriptor;
  // For the metadata file only.
  plain.annotations.erase("config.digest");
  if (request.names.empty()) return {plain};
  std::vector<oci::Descriptor> entries;
  for (const oci::Reference& name : request.names) {
    oci::Descriptor entry = plain;
    entry.annotations[std::string(oci::kImageNameAnnotation)] = name.to_string();
    if (!name.tag.empty()) entry.annotations[std::string(oci::kRefNameAnnotation)] = name.tag;
    entries.push_back(std::move(entry));
  }
  return entries;
}

/// What `docker load` reads besides the layout.
std::string docker_manifest(const WrittenImage& image, const ExportRequest& request) {
  const WrittenImage::Platform& platform = image.platforms.at(0);
  nlohmann::json names = nullptr;
  for (const oci::Reference& name : request.names) names.push_back(name.to_string());
  nlohmann::json layers = nlohmann::json::array();
  for (const cache::LayerBlob& layer : platform.layers) layers.push_back(blob_path(layer.descriptor.digest));
  nlohmann::json entry = {
      {"Config", blob_path(platform.config.digest)}, {"RepoTags", std::move(names)}, {"Layers", std::move(layers)}};
  return util::dump_json(nlohmann::json::array({std::move(entry)}));
}

Layout make_layout(const WrittenImage& image, const ExportRequest& request) {
  Layout layout;
  auto add = [&](const util::Digest& digest) { layout.blobs.emplace(blob_path(digest), digest); };
  add(image.descriptor.digest);
  for (const WrittenImage::Platform& platform : image.platforms) {
    add(platform.manifest.digest);
    add(platform.config.digest);
    for (const cache::LayerBlob& layer : platform.layers) add(layer.descriptor.digest);
  }
  oci::ImageIndex index;
  index.media_type = oci::kOciIndex;
  index.manifests = index_entries(image, request);
  layout.documents["index.json"] = oci::to_json_text(index);
  layout.documents["oci-layout"] = kLayoutFile;
  if (request.output.type == "docker") layout.documents["manifest.json"] = docker_manifest(image, request);
  return layout;
}

void copy_bytes(util::Reader& from, util::Writer& to, const std::stop_token& stop) {
  std::vector<std::byte> buffer(std::size_t{1} << 20);
  while (std::size_t count = from.read(buffer)) {
    if (stop.stop_requested()) throw util::Cancelled();
    to.write(util::Bytes(buffer).first(count));
  }
}

/// Archive members carry no time: the same image is the same archive.
class ArchiveWriter {
 public:
  explicit ArchiveWriter(util::Writer& to) : tar_(to), content_(tar_) {}

  void directory(const std::string& path) {
    util::TarEntry entry;
    entry.path = path;
    entry.type = util::FileType::directory;
    entry.mode = 0755;
    tar_.add(entry);
  }
  void file(const std::string& path, std::uint64_t size, util::Reader& content, const std::stop_token& stop) {
    util::TarEntry entry;
    entry.path = path;
    entry.mode = 0644;
    entry.size = size;
    tar_.add(entry);
    copy_bytes(content, content_, stop);
  }
  void finish() { tar_.finish(); }

 private:
  class Content final : public util::Writer {
   public:
    explicit Content(util::TarWriter& tar) : tar_(tar) {}
    void write(util::Bytes data) override { tar_.write(data); }

   private:
    util::TarWriter& tar_;
  };

  util::TarWriter tar_;
  Content content_;
};

void write_archive(const Layout& layout, const std::string& destination, const cache::ContentStore& content,
                   const std::stop_token& stop) {
  OutputFile file(destination);
  ArchiveWriter archive(file);
  archive.directory("blobs");
  archive.directory("blobs/sha256");
  for (const auto& [path, digest] : layout.blobs) {
    std::optional<cache::BlobInfo> info = content.find(digest);
    if (!info) throw util::Error(fmt::format("export blob `{}`: it is not in the cache", digest.to_string()));
    archive.file(path, info->size, *content.open(digest), stop);
  }
  for (const auto& [path, text] : layout.documents) {
    util::StringReader reader(text);
    archive.file(path, text.size(), reader, stop);
  }
  archive.finish();
  file.finish();
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

void write_into(const Layout& layout, const std::vector<oci::Descriptor>& entries,
                const std::filesystem::path& directory, const cache::ContentStore& content,
                const std::stop_token& stop) {
  // Two builds that add to one layout at the same time: the lock of the directory itself leaves no file behind.
  util::Fd lock = util::open_file(directory, O_RDONLY | O_DIRECTORY);
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) util::throw_errno(fmt::format("lock `{}`", directory.string()));
  }
  write_blobs(layout, directory, content, stop);
  for (const auto& [path, text] : layout.documents) {
    bool merge = path == "index.json" && std::filesystem::exists(directory / path);
    util::write_file_atomically(directory / path, merge ? merge_index(directory / path, entries) : text);
  }
}

void write_directory(const Layout& layout, const std::vector<oci::Descriptor>& entries, const std::string& destination,
                     const cache::ContentStore& content, const std::stop_token& stop) {
  std::filesystem::path path = std::filesystem::absolute(destination).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  if (std::filesystem::exists(path)) return write_into(layout, entries, path, content, stop);
  util::make_directories(path.parent_path());
  util::TempDir temporary(path.parent_path(), ".tmp-");
  write_into(layout, entries, temporary.path(), content, stop);
  std::filesystem::permissions(temporary.path(), std::filesystem::perms(0755));
  if (::rename(temporary.path().c_str(), path.c_str()) != 0)
    util::throw_errno(fmt::format("create `{}`", path.string()));
  (void)temporary.release();
}

class OciExporter final : public Exporter {
 public:
  explicit OciExporter(ExportServices services) : services_(services) {}

  void check(const ExportRequest& request) override {
    check_annotations(request);
    const OutputSpec& output = request.output;
    if (output.type == "docker" && (request.images.size() > 1 || request.index)) {
      throw util::Error("output of type `docker`: the format holds an image for one platform only", "use type=oci");
    }
    if (output.tar) {
      OutputFile::check(output.destination);
    } else {
      check_directory(output.destination);
    }
  }

  ExportReport run(const ExportRequest& request, std::stop_token stop) override {
    const OutputSpec& output = request.output;
    util::ProgressTask task(services_.progress, fmt::format("exporting to {} image format", output.type));
    return run_task(task, [&] {
      WrittenImage image = write_image(request, services_.cache, true, task, stop);
      Layout layout = make_layout(image, request);
      const std::string part = output.tar ? "sending tarball" : "writing image layout";
      task.bytes(part, 0, 0);
      util::with_context("write image to " + display_destination(output.destination), [&] {
        if (output.tar) {
          write_archive(layout, output.destination, services_.cache.content(), stop);
        } else {
          write_directory(layout, index_entries(image, request), output.destination, services_.cache.content(), stop);
        }
      });
      task.bytes(part, 0, 0, true);
      return make_report(image, request);
    });
  }

 private:
  ExportServices services_;
};

}  // namespace

std::unique_ptr<Exporter> make_oci_exporter(ExportServices services) {
  return std::make_unique<OciExporter>(services);
}

}  // namespace exporter
