#include "source/local_tree.h"

#include <fcntl.h>
#include <fmt/format.h>

#include "util/error.h"
#include "util/stats.h"
#include "util/stream.h"

namespace source {
namespace {

using util::FileType;

std::string join(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

std::string parent_of(const std::string& path) {
  std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

bool same_file(const util::FileStat& a, const util::FileStat& b) {
  return a.device == b.device && a.inode == b.inode && a.size == b.size && a.mtime == b.mtime && a.ctime == b.ctime;
}

}  // namespace

LocalTree::LocalTree(const std::filesystem::path& directory, std::vector<std::string> exclude,
                     std::shared_ptr<cache::StatCache> stats)
    : name_(directory.string()),
      root_(util::open_file(directory, O_PATH | O_DIRECTORY)),
      filtered_(!exclude.empty()),
      stats_(std::move(stats)) {
  if (filtered_) exclude_ = util::PatternMatcher(std::move(exclude));
}

LocalTree::~LocalTree() = default;

LocalTree::Node LocalTree::known(const std::string& path) const {
  Shard& shard = shards_[std::hash<std::string>()(path) % shards_.size()];
  std::lock_guard lock(shard.mutex);
  auto found = shard.nodes.find(path);
  return found == shard.nodes.end() ? Node() : found->second;
}

template <typename Change>
void LocalTree::remember(const std::string& path, Change change) const {
  Shard& shard = shards_[std::hash<std::string>()(path) % shards_.size()];
  std::lock_guard lock(shard.mutex);
  change(shard.nodes[path]);
}

/// Without links in the middle: a path below a link does not exist in a tree.
LocalTree::Stat LocalTree::stat(const std::string& path) const {
  static util::Counter& count = util::counter("context.files_stat");
  if (auto stat = known(path).stat) return *stat;
  Stat result;
  if (path.empty()) {
    result = util::stat_at(root_.get(), "");
  } else {
    Stat parent = stat(parent_of(path));
    if (parent && parent->type == FileType::directory) {
      count.add();
      try {
        result = util::find_stat_at(root_.get(), path);
      } catch (util::Error& error) {
        error.add_context(fmt::format("read `{}` in `{}`", path, name_));
        throw;
      }
    }
  }
  // Another thread may have looked at the same time: what was seen first counts.
  remember(path, [&](Node& node) {
    if (!node.stat) node.stat = result;
    result = *node.stat;
  });
  return result;
}

util::Fd LocalTree::open_path(const std::string& path, int flags) const {
  try {
    return util::open_in_root(root_.get(), path.empty() ? "." : path, flags | O_NOFOLLOW);
  } catch (util::Error& error) {
    error.add_context(fmt::format("read `{}` in `{}`", path.empty() ? "." : path, name_));
    throw;
  }
}

std::shared_ptr<const std::vector<util::DirEntry>> LocalTree::children(const std::string& path) const {
  if (auto children = known(path).children) return children;
  util::Fd fd = open_path(path, O_RDONLY | O_DIRECTORY);
  std::shared_ptr<const std::vector<util::DirEntry>> result =
      std::make_shared<const std::vector<util::DirEntry>>(util::list_directory(fd.get()));
  remember(path, [&](Node& node) {
    if (!node.children) node.children = result;
    result = node.children;
  });
  return result;
}

bool LocalTree::visible(const std::string& path, const util::FileStat& stat) const {
  if (path.empty() || !filtered_) return true;
  if (auto visible = known(path).visible) return *visible;
  bool result = compute_visible(path, stat);
  remember(path, [&](Node& node) { node.visible = result; });
  return result;
}

/// An excluded directory is there only as the way to something below it that is included again.
bool LocalTree::compute_visible(const std::string& path, const util::FileStat& stat) const {
  if (!exclude_.matches(path)) return true;
  if (stat.type != FileType::directory || !exclude_.has_exclusions() || !exclude_.may_match_below(path)) return false;
  return anything_visible_below(path);
}

bool LocalTree::anything_visible_below(const std::string& path) const {
  for (const util::DirEntry& child : *children(path)) {
    std::string name = join(path, child.name);
    util::FileStat stat;
    if (child.type) {
      stat.type = *child.type;
    } else if (Stat found = this->stat(name)) {
      stat = *found;
    } else {
      continue;
    }
    if (visible(name, stat)) return true;
  }
  return false;
}

oci::LayerEntry LocalTree::entry(const std::string& path, const util::FileStat& stat) const {
  oci::LayerEntry entry;
  entry.path = path;
  entry.type = stat.type == FileType::socket ? FileType::regular : stat.type;
  entry.mode = stat.mode;
  entry.mtime = stat.mtime;
  if (stat.type == FileType::regular) {
    entry.size = stat.size;
    if (stat.link_count > 1) entry.hard_link = other_name(path, stat);
  }
  if (stat.type == FileType::char_device || stat.type == FileType::block_device) {
    entry.device_major = stat.rdev_major;
    entry.device_minor = stat.rdev_minor;
  }
  if (stat.type == FileType::symlink) {
    auto target = known(path).link_target;
    if (!target) {
      target = util::read_link_at(root_.get(), path);
      remember(path, [&](Node& node) { node.link_target = target; });
    }
    entry.link_target = *target;
  }
  return entry;
}

/// The name by which the names of one file are recognised; empty for that one itself.
std::string LocalTree::other_name(const std::string& path, const util::FileStat& stat) const {
  auto names = first_names_.lock();
  const std::string& first = names->try_emplace({stat.device, stat.inode}, path).first->second;
  return first == path ? std::string() : first;
}

std::optional<oci::LayerEntry> LocalTree::find(const std::string& path) const {
  Stat found = stat(path);
  if (!found || !visible(path, *found)) return std::nullopt;
  return entry(path, *found);
}

std::vector<std::string> LocalTree::list(const std::string& path) const {
  Stat found = stat(path);
  if (!found || found->type != FileType::directory) {
    throw util::Error(fmt::format("read directory `{}` in `{}`: not a directory", path, name_));
  }
  std::vector<std::string> names;
  for (const util::DirEntry& child : *children(path)) {
    std::string name = join(path, child.name);
    util::FileStat type;
    if (child.type) {
      type.type = *child.type;
    } else if (Stat seen = stat(name)) {
      type = *seen;
    } else {
      continue;
    }
    if (visible(name, type)) names.push_back(child.name);
  }
  return names;
}

std::unique_ptr<util::Reader> LocalTree::open(const std::string& path) const {
  Stat found = stat(path);
  if (!found || !visible(path, *found)) {
    throw util::Error(fmt::format("read `{}` in `{}`: no such file or directory", path, name_));
  }
  if (found->type == FileType::socket) return std::make_unique<util::StringReader>("");
  if (found->type != FileType::regular)
    throw util::Error(fmt::format("read `{}` in `{}`: not a regular file", path, name_));
  static util::Counter& count = util::counter("context.files_read");
  count.add();
  // Not blocking, in case a pipe took the place of the file.
  return std::make_unique<util::FdReader>(open_path(path, O_RDONLY | O_NONBLOCK));
}

util::Digest LocalTree::content_digest(const std::string& path) const {
  if (auto digest = known(path).digest) return *digest;
  Stat found = stat(path);
  std::optional<util::Digest> digest;
  if (found && found->type == FileType::regular && visible(path, *found)) digest = stats_->find(path, *found);
  if (!digest) digest = hash(path);
  remember(path, [&](Node& node) { node.digest = digest; });
  return *digest;
}

util::Digest LocalTree::hash(const std::string& path) const {
  util::Sha256 hash;
  std::unique_ptr<util::Reader> reader = open(path);
  std::vector<std::byte> buffer(128 << 10);
  while (std::size_t count = reader->read(buffer)) hash.update(util::Bytes(buffer).first(count));
  util::Digest digest = hash.finish();
  // Remembered only if the file is still the one that was looked at: it may be changing right now.
  Stat before = stat(path);
  Stat after = util::find_stat_at(root_.get(), path);
  if (before && after && after->type == FileType::regular && same_file(*before, *after))
    stats_->put(path, *after, digest);
  return digest;
}

std::optional<std::string> LocalTree::hidden_by(const std::string& path) const {
  Stat found = stat(path);
  if (!found || visible(path, *found)) return std::nullopt;
  return exclude_.deciding_pattern(path);
}

}  // namespace source
