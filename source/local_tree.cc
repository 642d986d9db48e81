#include "source/local_tree.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>

#include "source/seen_file.h"
#include "util/error.h"
#include "util/parallel.h"
#include "util/stats.h"
#include "util/stream.h"

namespace source {
namespace {

using util::FileType;

/// Reserved, since tens of thousands of these are kept.
std::string join(const std::string& directory, const std::string& name) {
  if (directory.empty()) return name;
  std::string path;
  path.reserve(directory.size() + 1 + name.size());
  return path.append(directory).append(1, '/').append(name);
}

std::string parent_of(const std::string& path) {
  std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::string base_of(const std::string& path) {
  std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

util::Counter& files_stat() {
  static util::Counter& count = util::counter("context.files_stat");
  return count;
}

}  // namespace

/// A file that nobody has read yet: who takes its digest while reading saves the key's pass over it.
class LocalTree::UnhashedReader final : public cache::LearningReader {
 public:
  /// `tree` must outlive the reader.
  UnhashedReader(const LocalTree& tree, SeenFile file) : tree_(tree), file_(std::move(file)) {}
  std::size_t read(std::span<std::byte> buffer) override { return file_.read(buffer); }
  void learn(const util::Digest& digest) override {
    tree_.remember(file_.path(), file_.stat(), digest, file_.unchanged(), file_.opened());
  }

 private:
  const LocalTree& tree_;
  SeenFile file_;
};

LocalTree::LocalTree(const std::filesystem::path& directory, std::vector<std::string> exclude,
                     std::shared_ptr<cache::StatCache> stats)
    : name_(directory.string()),
      root_(util::open_file(directory, O_PATH | O_DIRECTORY)),
      filtered_(!exclude.empty()),
      stats_(std::move(stats)) {
  root_stat_ = util::stat_at(root_.get(), "");
  exclude_ = std::make_shared<const util::PatternMatcher>(std::move(exclude));
}

LocalTree::LocalTree(const LocalTree& like)
    : cache::Tree(like), name_(like.name_), root_(like.root_.duplicate()), exclude_(like.exclude_), filtered_(like.filtered_), stats_(like.stats_) {
  root_stat_ = util::stat_at(root_.get(), "");
}

std::shared_ptr<const cache::Tree> LocalTree::unseen() const {
  return std::shared_ptr<const LocalTree>(new LocalTree(*this));
}

LocalTree::~LocalTree() = default;

LocalTree::Directory& LocalTree::directory(const std::string& path) const {
  std::lock_guard lock(mutex_);
  std::unique_ptr<Directory>& directory = directories_[path];
  if (!directory) directory = std::make_unique<Directory>();
  return *directory;
}

LocalTree::Child* LocalTree::find_child(Directory& directory, const std::string& name) {
  auto found = std::lower_bound(directory.children.begin(), directory.children.end(), name,
                                [](const Child& child, const std::string& wanted) { return child.name < wanted; });
  return found != directory.children.end() && found->name == name ? &*found : nullptr;
}

LocalTree::Child& LocalTree::make_child(Directory& directory, const std::string& name) {
  auto place = std::lower_bound(directory.children.begin(), directory.children.end(), name,
                                [](const Child& child, const std::string& wanted) { return child.name < wanted; });
  if (place == directory.children.end() || place->name != name) {
    place = directory.children.insert(place, Child());
    place->name = name;
  }
  return *place;
}

/// Without links in the middle: a path below a link does not exist in a tree.
LocalTree::Stat LocalTree::stat(const std::string& path) const {
  if (path.empty()) return root_stat_;
  const std::string name = base_of(path);
  Directory& parent = directory(parent_of(path));
  {
    std::lock_guard lock(parent.mutex);
    const Child* child = find_child(parent, name);
    if (child != nullptr && child->stat.taken()) return child->stat.stat();
    if (child == nullptr && parent.listed) return std::nullopt;
  }
  const Stat above = stat(parent_of(path));
  Stat result;
  if (above && above->type == FileType::directory) {
    files_stat().add();
    try {
      result = util::find_stat_at(root_.get(), path);
    } catch (util::Error& error) {
      error.add_context(fmt::format("read `{}` in `{}`", path, name_));
      throw;
    }
  }
  // Another thread may have looked at the same time: what was seen first counts.
  std::lock_guard lock(parent.mutex);
  Child& child = make_child(parent, name);
  if (!child.stat.taken()) child.stat.take(result);
  return child.stat.stat();
}

/// Reading leaves no trace: a time of last access for each of many files would be as many inodes to be written.
util::Fd LocalTree::open_path(const std::string& path, int flags) const {
  const std::string_view name = path.empty() ? "." : std::string_view(path);
  try {
    try {
      return util::open_in_root(root_.get(), name, flags | O_NOFOLLOW | O_NOATIME);
    } catch (const util::SystemError& error) {
      if (error.code() != EPERM) throw;  // that is for the owner only
    }
    return util::open_in_root(root_.get(), name, flags | O_NOFOLLOW);
  } catch (util::Error& error) {
    error.add_context(fmt::format("read `{}` in `{}`", name, name_));
    throw;
  }
}

/// Fills in the names, and if wanted the stat of each that is not hidden by its name alone.
void LocalTree::make_listed(Directory& directory, const std::string& path, bool with_stats) const {
  std::lock_guard lock(directory.mutex);
  auto lacks_stat = [&](const Child& child) { return !child.stat.taken() && (!child.visible || *child.visible); };
  if (directory.listed && !(with_stats && std::ranges::any_of(directory.children, lacks_stat))) return;
  const util::Fd fd = open_path(path, O_RDONLY | O_DIRECTORY);
  if (!directory.listed) {
    std::vector<Child> children;
    std::vector<util::DirEntry> names = util::list_directory(fd.get());
    children.reserve(names.size());
    for (util::DirEntry& entry : names) {
      Child* const seen = find_child(directory, entry.name);
      Child& child = children.emplace_back(seen != nullptr ? std::move(*seen) : Child());
      child.name = std::move(entry.name);
      child.type = entry.type;
    }
    directory.children = std::move(children);
    directory.listed = true;
  }
  if (!with_stats) return;
  std::int64_t count = 0;
  for (Child& child : directory.children) {
    if (!lacks_stat(child)) continue;
    // What an ignore rule hides is not looked at, if its type is known from the directory.
    if (filtered_ && child.type && exclude_->matches(join(path, child.name)) && *child.type != FileType::directory) {
      child.visible = false;
      continue;
    }
    const Stat stat = util::find_stat_at(fd.get(), child.name);
    child.stat.take(stat);
    ++count;
    if (!stat) continue;
    if (stat->type == FileType::symlink) child.link_target = util::read_link_at(fd.get(), child.name);
    if (stat->type != FileType::regular || child.digest) continue;
    if (std::optional<util::Digest> digest = stats_->find(join(path, child.name), *stat)) {
      child.digest = *std::move(digest);
      child.trusted = true;
    }
  }
  files_stat().add(count);
}

bool LocalTree::visible(const std::string& path, FileType type) const {
  if (path.empty() || !filtered_) return true;
  Directory& parent = directory(parent_of(path));
  const std::string name = base_of(path);
  {
    std::lock_guard lock(parent.mutex);
    const Child* child = find_child(parent, name);
    if (child != nullptr && child->visible) return *child->visible;
  }
  const bool result = compute_visible(path, type);
  std::lock_guard lock(parent.mutex);
  make_child(parent, name).visible = result;
  return result;
}

/// An excluded directory is there only as the way to something below it that is included again.
bool LocalTree::compute_visible(const std::string& path, FileType type) const {
  if (!exclude_->matches(path)) return true;
  if (type != FileType::directory || !exclude_->has_exclusions() || !exclude_->may_match_below(path)) return false;
  return anything_visible_below(path);
}

bool LocalTree::anything_visible_below(const std::string& path) const {
  bool any = false;
  for_each_visible(path, false, [&](const Child&) { any = true; });
  return any;
}

template <typename F>
void LocalTree::for_each_visible(const std::string& path, bool with_stats, const F& f) const {
  Directory& directory = this->directory(path);
  make_listed(directory, path, with_stats);
  std::vector<Child> children;
  {
    std::lock_guard lock(directory.mutex);
    // Where nothing is ignored nobody else need be asked.
    const auto known = [&](const Child& child) { return child.stat.taken() || (!with_stats && child.type); };
    if (!filtered_ && std::ranges::all_of(directory.children, known)) {
      for (Child& child : directory.children) {
        if (!child.stat.taken() || child.stat.found()) f(child);
      }
      return;
    }
    children = directory.children;
  }
  for (Child& child : children) {
    if (child.visible && !*child.visible) continue;
    const std::string below = join(path, child.name);
    if (!child.stat.taken() && (with_stats || !child.type)) child.stat.take(stat(below));
    if (child.stat.taken() && !child.stat.found()) continue;
    if (visible(below, child.stat.taken() ? child.stat.type() : *child.type)) f(child);
  }
}

oci::LayerEntry LocalTree::entry(const std::string& path, const Child& child) const {
  const util::FileStat stat = child.stat.stat().value();
  oci::LayerEntry entry;
  entry.path = path;
  entry.type = stat.type == FileType::socket ? FileType::regular : stat.type;
  entry.mode = stat.mode;
  entry.mtime = stat.mtime;
  if (stat.type == FileType::regular) {
    entry.size = stat.size;
    entry.content = child.digest;
    if (stat.link_count > 1) entry.hard_link = other_name(path, stat);
  }
  if (is_device(stat.type)) {
    entry.device_major = stat.rdev_major;
    entry.device_minor = stat.rdev_minor;
  }
  if (stat.type == FileType::symlink) {
    entry.link_target = child.link_target.empty() ? util::read_link_at(root_.get(), path) : *child.link_target;
  }
  return entry;
}

/// The name by which the names of one file are recognised; empty for that one itself.
std::string LocalTree::other_name(const std::string& path, const util::FileStat& stat) const {
  auto names = first_names_.lock();
  const std::string& first = names->try_emplace({stat.device, stat.inode}, path).first->second;
  return first == path ? std::string() : first;
}

/// What is known of a path that is there; the first target that was seen of a link is the one.
LocalTree::Child LocalTree::child(const std::string& path) const {
  Child child;
  child.stat.take(stat(path));
  if (path.empty()) return child;
  Directory& parent = directory(parent_of(path));
  const bool is_link = child.stat.type() == FileType::symlink;
  std::lock_guard lock(parent.mutex);
  Child& known = make_child(parent, base_of(path));
  if (is_link && known.link_target.empty()) known.link_target = util::read_link_at(root_.get(), path);
  child = known;
  return child;
}

std::optional<oci::LayerEntry> LocalTree::find(const std::string& path) const {
  const Stat found = stat(path);
  if (!found || !visible(path, found->type)) return std::nullopt;
  return entry(path, child(path));
}

std::vector<std::string> LocalTree::list(const std::string& path) const {
  Stat found = stat(path);
  if (!found || found->type != FileType::directory) {
    throw util::Error(fmt::format("read directory `{}` in `{}`: not a directory", path, name_));
  }
  std::vector<std::string> names;
  for_each_visible(path, false, [&](const Child& child) { names.push_back(child.name); });
  return names;
}

std::vector<oci::LayerEntry> LocalTree::entries(const std::string& path) const {
  std::vector<oci::LayerEntry> entries;
  for_each_visible(path, true, [&](const Child& child) { entries.push_back(entry(join(path, child.name), child)); });
  return entries;
}

LocalTree::Level LocalTree::next_level(const Level& level, const std::function<bool(const std::string& directory)>& skip,
                                       const std::stop_token& stop) const {
  std::vector<Level> below(level.size());
  util::parallel_for(level.size(), 0, [&](std::size_t i) {
    if (stop.stop_requested()) throw util::Cancelled();
    for_each_visible(level[i], true, [&](const Child& child) {
      if (child.stat.type() != FileType::directory) return;
      std::string name = join(level[i], child.name);
      if (!skip(name)) below[i].push_back(std::move(name));
    });
  });
  Level next;
  for (Level& names : below) std::ranges::move(names, std::back_inserter(next));
  return next;
}

std::jthread LocalTree::prefetch(const std::string& path, std::function<bool(const std::string& directory)> skip) const {
  constexpr std::size_t kWorthAThread = 16;
  {
    std::lock_guard lock(mutex_);
    if (!prefetched_.insert(path).second) return {};
  }
  Level level = {path};
  while (!level.empty() && level.size() < kWorthAThread) level = next_level(level, skip);
  if (level.empty()) return {};
  const auto rest = [this, level, skip](const std::stop_token& stop) mutable {
    try {
      while (!level.empty()) level = next_level(level, skip, stop);
    } catch (const std::exception&) {
      // Whoever walks comes to the same place.
    }
  };
  try {
    return std::jthread(rest);
  } catch (const std::system_error&) {
    return {};
  }
}

std::unique_ptr<util::Reader> LocalTree::open(const std::string& path) const {
  const Stat found = stat(path);
  if (!found || !visible(path, found->type)) {
    throw util::Error(fmt::format("read `{}` in `{}`: no such file or directory", path, name_));
  }
  if (found->type == FileType::socket) return std::make_unique<util::StringReader>("");
  if (found->type != FileType::regular)
    throw util::Error(fmt::format("read `{}` in `{}`: not a regular file", path, name_));
  static util::Counter& count = util::counter("context.files_read");
  count.add();
  // Not blocking, in case a pipe took the place of the file.
  util::Fd fd = open_path(path, O_RDONLY | O_NONBLOCK);
  Directory& parent = directory(parent_of(path));
  std::lock_guard lock(parent.mutex);
  const Child* child = find_child(parent, base_of(path));
  if (child != nullptr && child->trusted)
    return std::make_unique<UnchangedReader>(SeenFile(std::move(fd), path, *found), child->digest);
  return std::make_unique<UnhashedReader>(*this, SeenFile(std::move(fd), path, *found));
}

std::optional<util::Digest> LocalTree::known_digest(const std::string& path) const {
  Directory& parent = directory(parent_of(path));
  const std::string name = base_of(path);
  Stat found;
  {
    std::lock_guard lock(parent.mutex);
    const Child* child = find_child(parent, name);
    if (child != nullptr && child->digest) return child->digest;
    if (child != nullptr && child->stat.taken()) found = child->stat.stat();
  }
  if (!found) found = stat(path);
  if (!found || found->type != FileType::regular || !visible(path, found->type)) return std::nullopt;
  if (const std::optional<util::Digest> digest = stats_->find(path, *found)) {
    std::lock_guard lock(parent.mutex);
    Child& child = make_child(parent, name);
    child.digest = *digest;
    child.trusted = true;
    return digest;
  }
  if (found->link_count <= 1) return std::nullopt;
  // Another name of a file has its content; what was read under that name counts.
  const std::string first = other_name(path, *found);
  return first.empty() || !same_file(*stat(first), *found) ? std::nullopt : known_digest(first);
}

util::Digest LocalTree::content_digest(const std::string& path, const std::stop_token& stop) const {
  if (std::optional<util::Digest> known = known_digest(path)) return *known;
  return hash(path, stop);
}

util::Digest LocalTree::hash(const std::string& path, const std::stop_token& stop) const {
  util::Sha256 hash;
  const util::Nanoseconds since = util::now_nanoseconds();
  std::unique_ptr<util::Reader> reader = open(path);
  thread_local std::vector<std::byte> buffer(128 << 10);
  while (std::size_t count = reader->read(buffer)) {
    if (stop.stop_requested()) throw util::Cancelled();
    hash.update(util::Bytes(buffer).first(count));
  }
  const Stat before = stat(path), after = util::find_stat_at(root_.get(), path);
  const bool same = before && after && after->type == FileType::regular && same_file(*before, *after);
  return remember(path, before ? *before : util::FileStat(), hash.finish(), same, since);
}

util::Digest LocalTree::remember(const std::string& path, const util::FileStat& stat, const util::Digest& digest,
                                 bool same, util::Nanoseconds since) const {
  const bool trusted = same && stats_->put(path, stat, digest, since);
  Directory& parent = directory(parent_of(path));
  std::lock_guard lock(parent.mutex);
  Child& child = make_child(parent, base_of(path));
  // Of several that read at the same time the first counts.
  if (child.digest) return child.digest;
  child.digest = digest;
  child.trusted = trusted;
  return digest;
}

std::optional<std::string> LocalTree::hidden_by(const std::string& path) const {
  Stat found = stat(path);
  if (!found || visible(path, found->type)) return std::nullopt;
  return exclude_->deciding_pattern(path);
}

}  // namespace source
