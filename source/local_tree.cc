#include "source/local_tree.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <system_error>

#include "cache/selection.h"
#include "util/error.h"
#include "util/parallel.h"
#include "util/stats.h"

namespace source {
namespace {

using cache::base_name;
using cache::join_path;
using cache::parent_path;
using util::FileType;

/// Directories; fewer are looked at before a thread would have begun.
constexpr std::size_t kWorthAThread = 16;

util::Counter& files_stat() {
  static util::Counter& count = util::counter("context.files_stat");
  return count;
}

}  // namespace

LocalTree::LocalTree(const std::filesystem::path& directory, std::vector<std::string> exclude,
                     std::shared_ptr<cache::StatCache> stats, std::filesystem::path spill_directory, std::size_t in_memory)
    : name_(directory.string()),
      root_(util::open_file(directory, O_PATH | O_DIRECTORY)),
      filtered_(!exclude.empty()),
      stats_(std::move(stats)),
      spill_directory_(std::move(spill_directory)),
      in_memory_(in_memory),
      directories_(spill_directory_, in_memory_) {
  root_stat_ = util::stat_at(root_.get(), "");
  exclude_ = std::make_shared<const util::PatternMatcher>(std::move(exclude));
}

LocalTree::LocalTree(const LocalTree& like)
    : cache::Tree(like),
      name_(like.name_),
      root_(like.root_.duplicate()),
      exclude_(like.exclude_),
      filtered_(like.filtered_),
      stats_(like.stats_),
      spill_directory_(like.spill_directory_),
      in_memory_(like.in_memory_),
      directories_(spill_directory_, in_memory_) {
  root_stat_ = util::stat_at(root_.get(), "");
}

std::shared_ptr<const cache::Tree> LocalTree::unseen() const {
  return std::shared_ptr<const LocalTree>(new LocalTree(*this));
}

LocalTree::~LocalTree() = default;

/// Without links in the middle: a path below a link does not exist in a tree.
LocalTree::Stat LocalTree::stat(const std::string& path) const {
  if (path.empty()) return root_stat_;
  const std::string parent_name = parent_path(path), name = base_name(path);
  {
    const auto parent = directory(parent_name);
    const SeenName* seen = parent->names.find(name);
    if (seen != nullptr && seen->stat.taken()) return seen->stat.stat();
    if (seen == nullptr && parent->listed) return std::nullopt;
  }
  const Stat above = stat(parent_name);
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
  const auto parent = directory(parent_name);
  SeenName& seen = parent->names.make(name);
  if (!seen.stat.taken()) seen.stat.take(result);
  return seen.stat.stat();
}

void LocalTree::list_names(SeenDirectories::Directory& directory, int fd) const {
  struct Listed {
    std::size_t at, size;  // in `texts`: a text for each would be as many allocations
    std::optional<FileType> type;
  };
  std::vector<Listed> listed;
  std::string texts;
  listed.reserve(32);
  texts.reserve(512);
  util::read_directory(fd, [&](std::string_view name, std::optional<FileType> type) {
    listed.push_back({texts.size(), name.size(), type});
    texts += name;
  });
  const auto name_of = [&](const Listed& entry) { return std::string_view(texts).substr(entry.at, entry.size); };
  std::ranges::sort(listed, {}, name_of);
  SeenNames names;
  names.reserve(listed.size(), texts.size());
  for (const Listed& entry : listed) {
    const std::string_view name = name_of(entry);
    const SeenName* const before = directory.names.find(name);
    SeenName& seen = before == nullptr ? names.append(name) : names.append(name, *before, directory.names.link_target(*before));
    seen.type = entry.type;
  }
  directory.names.replace(std::move(names));
  directory.listed = true;
}

/// Fills in the names, and if wanted the stat of each that is not hidden by its name alone.
void LocalTree::make_listed(const SeenDirectories::Held& directory, const std::string& path, bool with_stats) const {
  SeenNames& names = directory->names;
  auto lacks_stat = [&](const SeenName& seen) { return !seen.stat.taken() && (!seen.visible || *seen.visible); };
  if (directory->listed && !(with_stats && std::ranges::any_of(names, lacks_stat))) return;
  const util::Fd fd = open_path(path, O_RDONLY | O_DIRECTORY);
  if (!directory->listed) list_names(*directory, fd.get());
  if (!with_stats) return;
  std::int64_t count = 0;
  // One text of each kind for all names: texts of their own would take as long as looking for their digests.
  std::string name, below = path.empty() ? std::string() : path + '/';
  const std::size_t above = below.size();
  for (const SeenName& old : names) {
    if (!lacks_stat(old)) continue;
    SeenName& seen = names.edit(old);
    name = names.name(seen);
    below.resize(above);
    below += name;
    // What an ignore rule hides is not looked at, if its type is known from the directory.
    if (filtered_ && seen.type && exclude_->matches(below) && *seen.type != FileType::directory) {
      seen.visible = false;
      continue;
    }
    const Stat stat = util::find_stat_at(fd.get(), name);
    seen.stat.take(stat);
    ++count;
    if (!stat) continue;
    if (stat->type == FileType::symlink) names.set_link_target(seen, util::read_link_at(fd.get(), name));
    if (stat->type != FileType::regular || seen.digest) continue;
    if (std::optional<util::Digest> digest = stats_->find(below, *stat)) {
      seen.digest = *std::move(digest);
      seen.trusted = true;
    }
  }
  files_stat().add(count);
}

bool LocalTree::visible(const std::string& path, FileType type) const {
  if (path.empty() || !filtered_) return true;
  const std::string parent_name = parent_path(path), name = base_name(path);
  {
    const auto parent = directory(parent_name);
    const SeenName* seen = parent->names.find(name);
    if (seen != nullptr && seen->visible) return *seen->visible;
  }
  const bool result = compute_visible(path, type);
  directory(parent_name)->names.make(name).visible = result;
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
  for_each_visible(path, false, [&](const SeenNames&, const SeenName&) { any = true; });
  return any;
}

template <typename F>
void LocalTree::for_each_visible(const std::string& path, bool with_stats, const F& f) const {
  SeenNames names;
  {
    const auto directory = this->directory(path);
    make_listed(directory, path, with_stats);
    // Where nothing is ignored nobody else need be asked.
    const auto known = [&](const SeenName& seen) { return seen.stat.taken() || (!with_stats && seen.type); };
    if (!filtered_ && std::ranges::all_of(directory->names, known)) {
      for (const SeenName& seen : directory->names) {
        if (!seen.stat.taken() || seen.stat.found()) f(directory->names, seen);
      }
      return;
    }
    names = directory->names;
  }
  for (const SeenName& old : names) {
    if (old.visible && !*old.visible) continue;
    SeenName& seen = names.edit(old);
    const std::string below = join_path(path, names.name(seen));
    if (!seen.stat.taken() && (with_stats || !seen.type)) seen.stat.take(stat(below));
    if (seen.stat.taken() && !seen.stat.found()) continue;
    if (visible(below, seen.stat.taken() ? seen.stat.type() : *seen.type)) f(names, seen);
  }
}

oci::LayerEntry LocalTree::entry(std::string path, const SeenName& seen, std::string_view link_target) const {
  const util::FileStat stat = seen.stat.stat().value();
  oci::LayerEntry entry;
  entry.path = std::move(path);
  entry.type = stat.type == FileType::socket ? FileType::regular : stat.type;
  entry.mode = stat.mode;
  entry.mtime = stat.mtime;
  if (stat.type == FileType::regular) {
    entry.size = stat.size;
    entry.content = seen.digest;
    if (stat.link_count > 1) entry.hard_link = other_name(entry.path, stat);
  }
  if (is_device(stat.type)) {
    entry.device_major = stat.rdev_major;
    entry.device_minor = stat.rdev_minor;
  }
  if (stat.type == FileType::symlink) {
    entry.link_target = link_target.empty() ? util::read_link_at(root_.get(), entry.path) : std::string(link_target);
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
  const Stat found = stat(path);
  if (!found || !visible(path, found->type)) return std::nullopt;
  if (path.empty()) {
    SeenName root;
    root.stat.take(found);
    return entry(path, root, {});
  }
  const auto parent = directory(parent_path(path));
  const SeenName* seen = parent->names.find(base_name(path));
  // It may have gone, and the directory been listed since.
  if (seen == nullptr || !seen->stat.found()) return std::nullopt;
  // The first target that was seen of a link is the one.
  if (seen->stat.type() == FileType::symlink && parent->names.link_target(*seen).empty()) {
    parent->names.set_link_target(*seen, util::read_link_at(root_.get(), path));
  }
  return entry(path, *seen, parent->names.link_target(*seen));
}

std::vector<std::string> LocalTree::list(const std::string& path) const {
  Stat found = stat(path);
  if (!found || found->type != FileType::directory) {
    throw util::Error(fmt::format("read directory `{}` in `{}`: not a directory", path, name_));
  }
  std::vector<std::string> names;
  for_each_visible(path, false, [&](const SeenNames& all, const SeenName& seen) { names.emplace_back(all.name(seen)); });
  return names;
}

std::vector<oci::LayerEntry> LocalTree::entries(const std::string& path) const {
  std::vector<oci::LayerEntry> entries;
  for_each_visible(path, true, [&](const SeenNames& names, const SeenName& seen) {
    if (entries.empty()) entries.reserve(names.size().names);
    entries.push_back(entry(join_path(path, names.name(seen)), seen, names.link_target(seen)));
  });
  return entries;
}

LocalTree::Level LocalTree::next_level(const Level& level, const std::function<bool(const std::string& directory)>& skip,
                                       const std::stop_token& stop) const {
  std::vector<Level> below(level.size());
  // Whoever walks takes a core too. One thread more, and who waits for a lock may wait for another that has no core.
  const unsigned threads = level.size() < kWorthAThread ? 1 : std::max(2U, std::thread::hardware_concurrency()) - 1;
  const auto look = [&](std::size_t i, const std::stop_token&) {
    if (stop.stop_requested()) throw util::Cancelled();
    for_each_visible(level[i], true, [&](const SeenNames& names, const SeenName& seen) {
      if (seen.stat.type() != FileType::directory) return;
      std::string name = join_path(level[i], names.name(seen));
      if (!skip(name)) below[i].push_back(std::move(name));
    });
  };
  util::for_each_parallel(level.size(), threads, look, {});
  Level next;
  for (Level& names : below) std::ranges::move(names, std::back_inserter(next));
  return next;
}

/// Some directories at a time, in the order in which a walk comes to them: those that wait are few, however large the tree.
void LocalTree::look_below(Level waiting, const std::function<bool(const std::string& directory)>& skip, const std::stop_token& stop) const {
  constexpr std::size_t kAtOnce = 1024;
  std::ranges::reverse(waiting);  // who waits longest is first in line at the end
  while (!waiting.empty()) {
    const std::size_t count = std::min(waiting.size(), kAtOnce);
    Level next(waiting.rbegin(), waiting.rbegin() + static_cast<std::ptrdiff_t>(count));
    waiting.resize(waiting.size() - count);
    next = next_level(next, skip, stop);
    waiting.insert(waiting.end(), next.rbegin(), next.rend());
  }
}

std::jthread LocalTree::prefetch(const std::string& path, std::function<bool(const std::string& directory)> skip) const {
  if (!prefetched_.lock()->insert(path).second) return {};
  Level level = {path};
  while (!level.empty() && level.size() < kWorthAThread) level = next_level(level, skip);
  if (level.empty()) return {};
  const auto rest = [this, level = std::move(level), skip](const std::stop_token& stop) mutable {
    try {
      look_below(std::move(level), skip, stop);
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

std::optional<std::string> LocalTree::hidden_by(const std::string& path) const {
  Stat found = stat(path);
  if (!found || visible(path, found->type)) return std::nullopt;
  return exclude_->deciding_pattern(path);
}

}  // namespace source
