#include "cache/usage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "cache/image_blobs.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/file_lock.h"
#include "util/fs.h"

namespace cache {
namespace {

namespace fs = std::filesystem;

std::string usage_id(std::string_view hex) {
  return std::string(hex.substr(0, kUsageIdLength));
}

struct FileTimes {
  std::uint64_t size = 0;
  std::int64_t mtime = 0;
};

FileTimes file_times(const fs::path& path) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0) return {};
  return {static_cast<std::uint64_t>(status.st_size),
          std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

/// Bytes that a tree takes; a file with several names counts once. What vanishes meanwhile does not count.
std::uint64_t tree_size(const fs::path& path) {
  std::uint64_t total = 0;
  std::set<std::pair<std::uint64_t, std::uint64_t>> linked;
  std::vector<fs::path> todo = {path};
  while (!todo.empty()) {
    const fs::path directory = std::move(todo.back());
    todo.pop_back();
    util::Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) continue;
    for (const util::DirEntry& entry : util::list_directory(fd.get())) {
      struct stat status = {};
      if (::fstatat(fd.get(), entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (status.st_nlink > 1 && !S_ISDIR(status.st_mode) && !linked.emplace(status.st_dev, status.st_ino).second) {
        continue;
      }
      total += static_cast<std::uint64_t>(status.st_blocks) * 512;
      if (S_ISDIR(status.st_mode)) todo.push_back(directory / entry.name);
    }
  }
  return total;
}

std::vector<std::string> names_in(const fs::path& directory) {
  util::Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  std::vector<std::string> names;
  if (!fd) return names;
  for (util::DirEntry& entry : util::list_directory(fd.get())) names.push_back(std::move(entry.name));
  return names;
}

/// Gathers the parts of a report.
class Survey {
 public:
  explicit Survey(CacheDir& cache) : cache_(cache), root_(cache.root()), rows_(root_ / "cache.db") {}

  UsageReport run(UsageScope scope) {
    add_images();
    add_layers();
    add_facts();
    add_unnamed_blobs();
    add_unnamed_directories();
    if (scope == UsageScope::everything) {
      add_mounts();
      add_git();
      add_stat_caches();
    }
    std::stable_sort(report_.entries.begin(), report_.entries.end(),
                     [](const UsageEntry& a, const UsageEntry& b) { return a.used > b.used; });
    return std::move(report_);
  }

 private:
  void add_images() {
    for (const StoredImage& image : cache_.images().list()) {
      for (const auto& [digest, role] : image_blobs(cache_.content(), image.descriptor.digest)) {
        if (!report_.image_blobs.insert(digest).second) continue;
        if (const auto blob = cache_.content().find(digest)) report_.images_size += blob->size;
      }
    }
  }

  /// The blob belongs to `entry`, unless an image needs it or another entry has it.
  void add_blob(UsageEntry& entry, const util::Digest& digest) {
    const std::optional<BlobInfo> blob = cache_.content().find(digest);
    if (!blob || !claimed_.insert(digest).second) return;
    entry.size += blob->size;
    if (report_.image_blobs.contains(digest)) {
      entry.shared_size += blob->size;
    } else {
      entry.blobs.push_back(digest);
    }
  }

  void add_path(UsageEntry& entry, const fs::path& path, std::uint64_t size) {
    entry.size += size;
    entry.paths.push_back(path);
  }

  static UsageEntry new_entry(std::string_view hex, UsageType type, std::int64_t made, std::string description) {
    UsageEntry entry;
    entry.id = usage_id(hex);
    entry.type = type;
    entry.created = entry.used = made;
    entry.description = std::move(description);
    return entry;
  }

  /// An entry that is all of `path`, and nothing else.
  void add_whole(UsageEntry entry, const fs::path& path, std::uint64_t size) {
    add_path(entry, path, size);
    report_.entries.push_back(std::move(entry));
  }

  void add_layers() {
    report_.records = rows_.records();
    std::unordered_map<util::Digest, const RecordUse*> newest;   // the step that made a layer
    std::unordered_map<util::Digest, std::int64_t> used;
    std::unordered_map<util::Digest, int> depth;
    std::unordered_map<util::Digest, util::Digest> below;
    for (const RecordUse& record : report_.records) {
      for (std::size_t i = 0; i < record.layers.size(); ++i) {
        const LayerId& id = record.layers[i];
        used[id] = std::max(used[id], record.used);
        depth[id] = std::max(depth[id], static_cast<int>(i));
        if (i > 0) below.try_emplace(id, record.layers[i - 1]);
      }
      if (record.layers.empty()) continue;
      const RecordUse*& known = newest[record.layers.back()];
      const bool better = known == nullptr || known->name.empty() || (!record.name.empty() && record.used > known->used);
      if (better) known = &record;
    }
    std::unordered_map<util::Digest, std::vector<util::Digest>> blobs;
    for (BlobUse& blob : rows_.blobs()) blobs[blob.layer].push_back(blob.digest);

    for (const LayerUse& layer : rows_.layers()) {
      UsageEntry entry;
      entry.id = usage_id(layer.id.hex());
      entry.created = layer.created;
      entry.used = std::max(layer.used, used[layer.id]);
      entry.depth = depth[layer.id];
      entry.layers = {layer.id};
      if (const auto parent = below.find(layer.id); parent != below.end()) {
        entry.parents = {usage_id(parent->second.hex())};
      }
      const auto step = newest.find(layer.id);
      if (layer.remote) {
        entry.description = layer.origin.empty() ? "loaded or imported" : "pulled from " + layer.origin;
      } else {
        entry.description = step != newest.end() ? step->second->name : "layer of a step that is no longer known";
      }
      if (layer.remote) add_blob(entry, *layer.remote);
      for (const util::Digest& digest : blobs[layer.id]) add_blob(entry, digest);
      if (!layer.snapshot.empty()) {
        snapshots_.insert(layer.snapshot);
        const fs::path home = root_ / "snapshots" / layer.snapshot;
        if (fs::exists(home)) add_path(entry, home, layer.size);
      }
      const fs::path listing = root_ / "listings" / std::string(layer.id.hex());
      listings_.insert(listing.filename());
      if (fs::exists(listing)) add_path(entry, listing, file_times(listing).size);
      report_.entries.push_back(std::move(entry));
    }
  }

  void add_facts() {
    for (const FactUse& fact : rows_.facts()) {
      const bool image = fact.key.starts_with("tag:");
      const bool http = fact.key.starts_with("http/");
      const auto digest = find_digest(fact.value);
      if (!digest || (!image && !http)) continue;
      UsageEntry entry = new_entry(util::sha256_of(fact.key).hex(), UsageType::source_http, fact.saved, "download " + digest->to_string());
      entry.facts = {fact.key};
      if (http) {
        add_blob(entry, *digest);
      } else {
        entry.type = UsageType::internal;
        entry.description = "manifest and config of " + fact.key.substr(4, fact.key.find('|') - 4);
        for (const auto& [part, role] : image_blobs(cache_.content(), *digest)) {
          if (role == BlobRole::document) add_blob(entry, part);
        }
      }
      report_.entries.push_back(std::move(entry));
    }
  }

  static std::optional<util::Digest> find_digest(const std::string& value) {
    const auto begin = value.find("sha256:");
    return begin == std::string::npos ? std::nullopt : util::Digest::find(value.substr(begin, 7 + 64));
  }

  /// Documents of images that are named by digest only are kept as long as anybody asks for them; other blobs without a
  /// name are left over.
  void add_unnamed_blobs() {
    const fs::path directory = root_ / "oci" / "blobs" / "sha256";
    for (const std::string& name : names_in(directory)) {
      const auto digest = util::Digest::find("sha256:" + name);
      if (!digest || claimed_.contains(*digest) || report_.image_blobs.contains(*digest)) continue;
      const bool orphan = !is_document(directory / name);
      UsageEntry entry = new_entry(name, UsageType::internal, file_times(directory / name).mtime,
                                   orphan ? "blob that nothing refers to" : "image document");
      entry.orphan = orphan;
      add_blob(entry, *digest);
      report_.entries.push_back(std::move(entry));
    }
  }

  static bool is_document(const fs::path& path) {
    util::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char first = 0;
    return fd && file_times(path).size < (8U << 20) && ::read(fd.get(), &first, 1) == 1 && first == '{';
  }

  void add_unnamed_directories() {
    for (const std::string& name : names_in(root_ / "snapshots")) {
      if (name == "empty" || snapshots_.contains(name)) continue;
      const fs::path path = root_ / "snapshots" / name;
      const bool derived = name.find("-amended-") != std::string::npos;
      UsageEntry entry = new_entry(util::sha256_of("snapshot " + name).hex(), UsageType::internal, file_times(path).mtime,
                                   derived ? "directories between layers" : "directory that nothing refers to");
      entry.derived = derived;
      entry.orphan = !derived;
      add_whole(std::move(entry), path, tree_size(path));
    }
    for (const std::string& name : names_in(root_ / "listings")) {
      if (listings_.contains(name)) continue;
      const FileTimes file = file_times(root_ / "listings" / name);
      UsageEntry entry =
          new_entry(util::sha256_of("listing " + name).hex(), UsageType::internal, file.mtime, "listing that nothing refers to");
      entry.orphan = true;
      add_whole(std::move(entry), root_ / "listings" / name, file.size);
    }
  }

  void add_mounts() {
    for (const std::string& name : names_in(root_ / "mounts")) {
      const fs::path home = root_ / "mounts" / name;
      // "NAMESPACE/ID", see ExecMounts.
      const std::string key = fs::exists(home / "key") ? util::read_file(home / "key", 64 << 10) : std::string();
      UsageEntry entry = new_entry(name, UsageType::exec_cachemount, file_times(home / "key").mtime,
                                   "cached mount " + (key.starts_with('/') ? key.substr(1) : key));
      entry.is_mutable = true;
      for (const std::string& part : names_in(home)) {
        entry.used = std::max(entry.used, file_times(home / part).mtime);
        if (!part.ends_with(".lock")) continue;
        if (!util::FileLock::try_acquire(home / part, util::LockMode::exclusive)) entry.in_use = true;
      }
      add_whole(std::move(entry), home, tree_size(home));
    }
  }

  void add_git() {
    for (const std::string& name : names_in(root_ / "git")) {
      const fs::path path = root_ / "git" / name;
      if (!fs::is_directory(path)) continue;
      UsageEntry entry = new_entry(name, UsageType::source_git_checkout, file_times(path / "time").mtime, "git checkout");
      entry.used = file_times(path).mtime;
      add_whole(std::move(entry), path, tree_size(path));
    }
  }

  void add_stat_caches() {
    for (const std::string& name : names_in(root_ / "stat")) {
      const FileTimes file = file_times(root_ / "stat" / name);
      UsageEntry entry = new_entry(util::sha256_of("stat " + name).hex(), UsageType::source_local, file.mtime,
                                   "digests of the files of a build context");
      entry.is_mutable = true;
      add_whole(std::move(entry), root_ / "stat" / name, file.size);
    }
  }

  CacheDir& cache_;
  fs::path root_;
  UsageRows rows_;
  UsageReport report_;
  std::unordered_set<util::Digest> claimed_;
  std::set<std::string> snapshots_;
  std::set<std::string> listings_;
};

}  // namespace

std::string_view to_string(UsageType type) {
  switch (type) {
    case UsageType::regular: return "regular";
    case UsageType::source_local: return "source.local";
    case UsageType::source_git_checkout: return "source.git.checkout";
    case UsageType::source_http: return "source.http";
    case UsageType::exec_cachemount: return "exec.cachemount";
    case UsageType::internal: return "internal";
  }
  return "";
}

std::uint64_t own_size(std::span<const UsageEntry> entries) {
  std::uint64_t total = 0;
  for (const UsageEntry& entry : entries) total += entry.own_size();
  return total;
}

UsageReport usage(CacheDir& cache, UsageScope scope) {
  return Survey(cache).run(scope);
}

}  // namespace cache
