#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cache/content_store.h"
#include "cache/layer_store.h"
#include "cache/record_store.h"
#include "oci/layer.h"
#include "tests/support/test_dir.h"
#include "util/fs.h"

namespace test {

inline oci::LayerEntry file_entry(const std::string& path, const std::string& content, std::uint32_t mode = 0644) {
  oci::LayerEntry entry;
  entry.path = path;
  entry.mode = mode;
  entry.size = content.size();
  entry.mtime = 1'600'000'000'000'000'000;
  return entry;
}

inline oci::LayerEntry directory_entry(const std::string& path, std::uint32_t mode = 0755) {
  oci::LayerEntry entry;
  entry.path = path;
  entry.type = util::FileType::directory;
  entry.mode = mode;
  entry.mtime = 1'600'000'000'000'000'000;
  return entry;
}

inline oci::LayerEntry link_entry(const std::string& path, const std::string& target) {
  oci::LayerEntry entry;
  entry.path = path;
  entry.type = util::FileType::symlink;
  entry.mode = 0777;
  entry.link_target = target;
  entry.mtime = 1'600'000'000'000'000'000;
  return entry;
}

inline oci::LayerEntry whiteout_entry(const std::string& path) {
  oci::LayerEntry entry;
  entry.kind = oci::LayerEntry::Kind::whiteout;
  entry.path = path;
  return entry;
}

/// Files of a layer with their contents, to be committed.
struct LayerFiles {
  std::vector<oci::LayerEntry> entries;
  std::map<std::string, std::string> contents;

  LayerFiles& add(oci::LayerEntry entry) {
    entries.push_back(std::move(entry));
    return *this;
  }
  LayerFiles& file(const std::string& path, const std::string& content, std::uint32_t mode = 0644) {
    contents[path] = content;
    return add(file_entry(path, content, mode));
  }
  cache::ContentOpener opener() const {
    return
        [this](const oci::LayerEntry& entry) { return std::make_unique<util::StringReader>(contents.at(entry.path)); };
  }
};

/// A cache root with the stores that layers need.
struct Stores {
  TestDir directory;
  std::filesystem::path root = directory.path();
  cache::ContentStore content{root / "oci", prepare(root)};
  cache::RecordStore records{root / "cache.db"};
  std::unique_ptr<cache::LayerStore> layers = std::make_unique<cache::LayerStore>(root, content, records);

  /// Forgets what is in memory, as a new process would.
  void reopen() { layers = std::make_unique<cache::LayerStore>(root, content, records); }

  cache::LayerId commit(const LayerFiles& files, cache::CommitOptions options = {}) {
    return layers->commit(files.entries, files.opener(), options);
  }

  static std::filesystem::path prepare(const std::filesystem::path& root) {
    util::make_directories(root / "oci/blobs/sha256");
    util::make_directories(root / "blob-tmp");
    return root / "blob-tmp";
  }
};

inline std::string read_text(const std::filesystem::path& path) {
  return util::read_file(path);
}

}  // namespace test
