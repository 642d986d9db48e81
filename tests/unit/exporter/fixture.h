#pragma once

#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cache/cache_dir.h"
#include "exporter/exporter.h"
#include "oci/registry.h"
#include "tests/support/test_dir.h"
#include "util/fs.h"
#include "util/tar.h"

namespace test {

/// Names of the tasks, parts and log lines that an exporter reported.
class PartNames final : public util::ProgressSink {
 public:
  void emit(util::ProgressEvent event) override {
    std::lock_guard lock(mutex_);
    if (auto* started = std::get_if<util::TaskStarted>(&event)) add(started->name);
    if (auto* bytes = std::get_if<util::TaskBytes>(&event)) add(bytes->id);
  }
  bool has(const std::string& name) const { return std::find(names_.begin(), names_.end(), name) != names_.end(); }
  const std::vector<std::string>& names() const { return names_; }

 private:
  void add(const std::string& name) {
    if (!has(name)) names_.push_back(name);
  }
  std::mutex mutex_;
  std::vector<std::string> names_;
};

/// A cache with layers to export. Layers that are to be unpacked belong to root, so tests that do that run as root
/// only.
struct ExportFixture {
  TestDir dir;
  cache::CacheDir cache{dir / "cache"};
  oci::RegistryClient registry;
  PartNames progress;
  exporter::ExportServices services{cache, registry, progress};

  /// A layer of these entries; regular files have the content given here.
  cache::LayerId layer(std::vector<oci::LayerEntry> entries, const std::map<std::string, std::string>& contents = {},
                       cache::BlobMirror* mirror = nullptr) {
    for (oci::LayerEntry& entry : entries) {
      std::string name = entry.hard_link.empty() ? entry.path : *entry.hard_link;
      if (auto content = contents.find(name); content != contents.end()) entry.size = content->second.size();
    }
    auto open = [&](const oci::LayerEntry& entry) {
      return std::make_unique<util::StringReader>(contents.at(entry.path));
    };
    cache::CommitOptions options;
    options.pack = cache::PackOptions{};
    options.directory = false;
    options.mirror = mirror;
    return cache.layers().commit(std::move(entries), open, options);
  }

  /// A request for an image of one platform with these layers.
  exporter::ExportRequest request(const std::string& output, std::vector<cache::LayerId> layers,
                                  const std::vector<std::string>& names = {}) {
    exporter::ExportRequest request;
    request.output = exporter::parse_output(output);
    for (const std::string& name : names) request.names.push_back(oci::Reference::parse(name));
    exporter::PlatformImage image;
    image.platform = oci::Platform::parse("linux/amd64");
    for (std::size_t i = 0; i < layers.size(); ++i) {
      oci::HistoryEntry entry;
      entry.created_by = "step " + std::to_string(i);
      image.config.history.push_back(entry);
    }
    image.config.cmd = {"sh"};
    image.layers = std::move(layers);
    request.images.push_back(std::move(image));
    return request;
  }

  exporter::ExportReport run(const exporter::ExportRequest& request) {
    auto made = exporter::make_exporter(request.output, services);
    made->check(request);
    return made->run(request, {});
  }
};

/// Members of an archive file: path -> content (link targets with "-> " in front).
inline std::map<std::string, std::string> archive_members(const std::filesystem::path& file) {
  std::map<std::string, std::string> members;
  util::StringReader bytes(util::read_file(file));
  util::TarReader tar(bytes);
  while (auto entry = tar.next()) {
    bool plain = entry->type == util::FileType::regular && !entry->hard_link;
    members[entry->path] = plain                        ? util::read_all(tar.content())
                           : entry->link_target.empty() ? ""
                                                        : "-> " + entry->link_target;
  }
  return members;
}

inline oci::LayerEntry export_entry(util::FileType type, const std::string& path, std::uint32_t mode) {
  oci::LayerEntry entry;
  entry.path = path;
  entry.type = type;
  entry.mode = mode;
  entry.mtime = 1'600'000'000'000'000'000;
  return entry;
}
inline oci::LayerEntry a_file(const std::string& path, std::uint32_t mode = 0644) {
  return export_entry(util::FileType::regular, path, mode);
}
inline oci::LayerEntry a_directory(const std::string& path, std::uint32_t mode = 0755) {
  return export_entry(util::FileType::directory, path, mode);
}
inline oci::LayerEntry a_link(const std::string& path, const std::string& target) {
  oci::LayerEntry entry = export_entry(util::FileType::symlink, path, 0777);
  entry.link_target = target;
  return entry;
}
inline oci::LayerEntry a_whiteout(const std::string& path) {
  oci::LayerEntry entry;
  entry.kind = oci::LayerEntry::Kind::whiteout;
  entry.path = path;
  return entry;
}

}  // namespace test
