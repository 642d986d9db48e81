#include "cache/copy_snapshotter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "cache/layer_directory.h"
#include "cache/selection.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/parallel.h"
#include "util/temp.h"

namespace cache {
namespace {

using Kind = oci::LayerEntry::Kind;

std::filesystem::path make_directory(const std::filesystem::path& path) {
  if (::mkdir(path.c_str(), 0755) != 0 || ::chmod(path.c_str(), 0755) != 0) {
    util::throw_errno(fmt::format("create `{}`", path.native()));
  }
  return path;
}

/// Writes everything in `tree` into an empty directory.
void copy_tree(const Tree& tree, const std::filesystem::path& directory, std::stop_token stop) {
  std::vector<oci::LayerEntry> entries;
  Match root;
  root.entry = *tree.find("");
  walk(tree, root, util::PatternMatcher(), [&](const std::string& relative, const oci::LayerEntry& entry) {
    if (!relative.empty()) entries.push_back(entry);
  });
  LayerDirectoryWriter writer(directory, directory_form());
  std::vector<oci::LayerEntry*> files;
  std::vector<oci::LayerEntry*> links;
  std::uint64_t bytes = 0;
  for (oci::LayerEntry& entry : entries) {
    if (!entry.is_file()) {
      oci::LayerEntry plain = entry;
      plain.kind = Kind::node;
      writer.add(std::move(plain), nullptr);
      continue;
    }
    writer.make_parents(entry.path);
    // A hard link is one still only if its file was not replaced by a higher layer.
    std::optional<oci::LayerEntry> target = entry.hard_link.empty() ? std::nullopt : tree.find(entry.hard_link);
    bool linked = target && target->is_file() && target->hard_link.empty() && target->content == entry.content;
    (linked ? links : files).push_back(&entry);
    bytes += linked ? 0 : entry.size;
  }
  util::parallel_for(files.size(), bytes, [&](std::size_t i) {
    if (stop.stop_requested()) throw util::Cancelled();
    std::unique_ptr<util::Reader> content = tree.open(files[i]->path);
    writer.write_file(*files[i], *content);
  });
  for (oci::LayerEntry* file : files) {
    file->hard_link.clear();
    writer.note(*file);
  }
  for (oci::LayerEntry* link : links) writer.add(*link, nullptr);
  writer.finish();
}

/// An entry as it was before the process ran.
struct Before {
  oci::LayerEntry entry;
  util::Nanoseconds ctime = 0;
  std::uint64_t inode = 0;
};

bool same_metadata(const oci::LayerEntry& a, const oci::LayerEntry& b) {
  if (a.type != b.type || a.mode != b.mode || a.uid != b.uid || a.gid != b.gid || a.xattrs != b.xattrs) return false;
  // The time of a directory changes with what is made in it; that alone is no change of the directory.
  if (a.is_directory()) return true;
  return a.mtime == b.mtime && a.size == b.size && a.link_target == b.link_target && a.device_major == b.device_major &&
         a.device_minor == b.device_minor;
}

class CopyActive final : public ActiveSnapshot {
 public:
  CopyActive(const std::filesystem::path& temporary, std::shared_ptr<const Tree> tree, std::stop_token stop)
      : home_(temporary, "active-"),
        root_(make_directory(home_.path() / "root")),
        changed_(make_directory(home_.path() / "fs")),
        tree_(std::move(tree)) {
    copy_tree(*tree_, root_, std::move(stop));
    util::Fd root = util::open_file(root_, O_RDONLY | O_DIRECTORY);
    for (oci::LayerEntry& entry : scan_layer_directory(root_)) {
      util::FileStat stat = util::stat_at(root.get(), entry.path);
      before_.emplace(entry.path, Before{entry, stat.ctime, stat.inode});
      newest_ = std::max(newest_, stat.ctime);
    }
  }

  std::vector<util::Mount> mounts() const override {
    util::Mount mount;
    mount.source = root_.native();
    mount.target = "/";
    return {std::move(mount)};
  }
  std::shared_ptr<const Tree> tree() const override { return tree_; }
  std::filesystem::path directory() const override { return changed_; }

  std::vector<oci::LayerEntry> changes() override {
    if (found_) return *found_;
    std::vector<oci::LayerEntry> entries = compare();
    keep_first_names(entries);
    move_changes(entries);
    found_ = entries;
    return entries;
  }

 private:
  bool unchanged(int root, const oci::LayerEntry& entry, const Before& before) const {
    if (!same_metadata(entry, before.entry)) return false;
    if (entry.type != util::FileType::regular) return true;
    util::FileStat stat = util::stat_at(root, entry.path);
    // Clocks of file systems are coarse: a change right after the copy may carry the time of the copy.
    constexpr util::Nanoseconds kCoarse = 50'000'000;
    if (stat.ctime == before.ctime && stat.inode == before.inode && stat.ctime < newest_ - kCoarse) return true;
    util::FdReader content(util::open_at(root, entry.path, O_RDONLY | O_NOFOLLOW));
    const util::Buffer buffer(64 * 1024);
    util::Sha256 hash;
    while (std::size_t count = content.read(buffer)) hash.update(util::Bytes(buffer.data(), count));
    return hash.finish() == tree_->content_digest(entry.path);
  }

  std::vector<oci::LayerEntry> compare() {
    util::Fd root = util::open_file(root_, O_RDONLY | O_DIRECTORY);
    std::map<std::string, oci::LayerEntry, PathLess> now;
    for (oci::LayerEntry& entry : scan_layer_directory(root_)) {
      if (entry.kind == Kind::whiteout) continue;
      entry.kind = Kind::node;
      std::string path = entry.path;
      now.emplace(std::move(path), std::move(entry));
    }
    std::set<std::string, PathLess> changed;
    std::vector<oci::LayerEntry> entries;
    for (const auto& [path, entry] : now) {
      auto before = before_.find(path);
      if (before == before_.end() || !unchanged(root.get(), entry, before->second)) changed.insert(path);
    }
    for (const auto& [path, before] : before_) {
      if (now.contains(path)) continue;
      auto parent = now.find(parent_path(path));
      if (!parent_path(path).empty() && (parent == now.end() || !parent->second.is_directory())) continue;
      oci::LayerEntry whiteout;
      whiteout.kind = Kind::whiteout;
      whiteout.path = path;
      add_parents(path, changed);
      entries.push_back(std::move(whiteout));
    }
    for (const std::string& path : std::vector<std::string>(changed.begin(), changed.end())) add_parents(path, changed);
    for (const std::string& path : changed) entries.push_back(now.at(path));
    oci::sort_entries(entries);
    return entries;
  }

  /// As overlayfs has them: the directories above a change are in the layer.
  static void add_parents(const std::string& path, std::set<std::string, PathLess>& changed) {
    for (std::string parent = parent_path(path); !parent.empty(); parent = parent_path(parent)) changed.insert(parent);
  }

  /// Of the names of a file only those that are in the layer count.
  static void keep_first_names(std::vector<oci::LayerEntry>& entries) {
    std::set<std::string> present;
    for (const oci::LayerEntry& entry : entries) present.insert(entry.path);
    std::map<std::string, std::string> first;
    for (oci::LayerEntry& entry : entries) {
      if (entry.hard_link.empty() || present.contains(entry.hard_link)) continue;
      auto [target, is_new] = first.try_emplace(entry.hard_link, entry.path);
      entry.hard_link = is_new ? std::string() : target->second;
    }
  }

  /// Makes the directory in overlay form; nobody needs the copy any more, so files are moved.
  void move_changes(const std::vector<oci::LayerEntry>& entries) {
    LayerDirectoryWriter writer(changed_, directory_form());
    for (const oci::LayerEntry& entry : entries) {
      if (entry.kind != Kind::node || entry.is_directory()) {
        writer.add(entry, nullptr);
        continue;
      }
      writer.make_parents(entry.path);
      if (::rename((root_ / entry.path).c_str(), (changed_ / entry.path).c_str()) != 0) {
        util::throw_errno(fmt::format("take `/{}` out of a snapshot", entry.path));
      }
    }
    writer.finish();
  }

  util::TempDir home_;
  std::filesystem::path root_;
  std::filesystem::path changed_;
  std::shared_ptr<const Tree> tree_;
  std::map<std::string, Before, PathLess> before_;
  util::Nanoseconds newest_ = 0;
  std::optional<std::vector<oci::LayerEntry>> found_;
};

}  // namespace

/// Copies for read-only views; kept as long as the snapshotter, one for each chain.
struct CopySnapshotter::Views {
  std::mutex mutex;  // held while a copy is made, so that each is made once
  std::map<util::Digest, util::TempDir> copies;
};

CopySnapshotter::CopySnapshotter(LayerStore& layers, std::filesystem::path temporary)
    : layers_(layers), temporary_(std::move(temporary)), views_(std::make_unique<Views>()) {}

CopySnapshotter::~CopySnapshotter() = default;

std::unique_ptr<ActiveSnapshot> CopySnapshotter::prepare(std::span<const LayerId> chain, util::ProgressTask* task,
                                                         std::stop_token stop) {
  layers_.directories(chain, task, stop);
  return std::make_unique<CopyActive>(temporary_, layers_.tree(chain, stop), stop);
}

std::vector<util::Mount> CopySnapshotter::view(std::span<const LayerId> chain, util::ProgressTask* task,
                                               std::stop_token stop) {
  Result result;
  result.layers.assign(chain.begin(), chain.end());
  util::Digest key = chain_id(result);
  std::lock_guard lock(views_->mutex);
  auto known = views_->copies.find(key);
  if (known == views_->copies.end()) {
    layers_.directories(chain, task, stop);
    util::TempDir copy(temporary_, "view-");
    copy_tree(*layers_.tree(chain, stop), make_directory(copy.path() / "fs"), stop);
    known = views_->copies.emplace(key, std::move(copy)).first;
  }
  util::Mount mount;
  mount.source = (known->second.path() / "fs").native();
  mount.target = "/";
  mount.read_only = true;
  return {std::move(mount)};
}

}  // namespace cache
