#include "solver/ops/layer_plan.h"

#include <algorithm>
#include <set>

#include "cache/selection.h"
#include "util/check.h"
#include "util/error.h"

namespace ops {
namespace {

using Kind = oci::LayerEntry::Kind;

/// `path`, which is `from` or below it, moved to `to`.
std::optional<std::string> moved(std::string_view path, std::string_view from, std::string_view to) {
  if (!path.starts_with(from)) return std::nullopt;
  std::string_view rest = path.substr(from.size());
  if (!from.empty() && !rest.empty()) {
    if (rest[0] != '/') return std::nullopt;
    rest.remove_prefix(1);
  }
  std::string result;
  result.reserve(to.size() + 1 + rest.size());
  result += to;
  if (!to.empty() && !rest.empty()) result += '/';
  result += rest;
  return result;
}

}  // namespace

std::optional<std::string> CopiedFiles::source_of(std::string_view path) const {
  return moved(path, to, from);
}

std::optional<std::string> CopiedFiles::place_of(std::string_view source) const {
  return moved(source, from, to);
}

const FileContent* LayerPlan::Node::own_content() const {
  const FileContentRef* content = std::get_if<FileContentRef>(&bytes);
  return content == nullptr ? nullptr : content->get();
}

std::unique_ptr<util::Reader> LayerPlan::Node::open(const std::string& path) const {
  if (const CopiedFilesRef* files = std::get_if<CopiedFilesRef>(&bytes)) return (*files)->tree->open((*files)->source_of(path).value());
  if (own_content() == nullptr) throw util::Error("open `/" + path + "`: not a regular file");
  return own_content()->open();
}

bool LayerPlan::base_shows(const std::string& path) const {
  const std::size_t slash = path.rfind('/');
  const std::string_view directory = slash == std::string::npos ? std::string_view() : std::string_view(path).substr(0, slash);
  if (directory != asked_directory_) {
    asked_shows_ = compute_base_shows(path);
    asked_directory_ = directory;
  }
  return asked_shows_;
}

bool LayerPlan::compute_base_shows(const std::string& path) const {
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const auto above = nodes_.find(path.substr(0, slash));
    if (above == nodes_.end()) continue;
    if (!above->second.entry.is_directory() || above->second.entry.kind == Kind::opaque) return false;
  }
  return true;
}

/// Trees are copied in order: mostly what is looked for comes behind all there is.
LayerPlan::Nodes::const_iterator LayerPlan::find_node(const std::string& path) const {
  if (nodes_.empty() || oci::path_less(nodes_.rbegin()->first, path)) return nodes_.end();
  return nodes_.find(path);
}

std::optional<oci::LayerEntry> LayerPlan::find(const std::string& path) const {
  if (const auto node = find_node(path); node != nodes_.end()) {
    if (node->second.entry.kind == Kind::whiteout) return std::nullopt;
    oci::LayerEntry entry = node->second.entry;
    entry.path = path;
    return entry;
  }
  if (!base_shows(path)) return std::nullopt;
  return base_->find(path);
}

std::vector<std::string> LayerPlan::list(const std::string& path) const {
  std::set<std::string> names;
  const auto directory = nodes_.find(path);
  const bool hidden = directory != nodes_.end() &&
                      (!directory->second.entry.is_directory() || directory->second.entry.kind == Kind::opaque);
  if (const auto below = base_->find(path); !hidden && base_shows(path) && below && below->is_directory()) {
    for (std::string& name : base_->list(path)) names.insert(std::move(name));
  }
  const std::string prefix = path.empty() ? "" : path + "/";
  for (auto node = nodes_.lower_bound(prefix); node != nodes_.end() && node->first.starts_with(prefix);) {
    const std::string name = node->first.substr(prefix.size(), node->first.find('/', prefix.size()) - prefix.size());
    if (name.empty()) {
      ++node;
      continue;
    }
    if (node->first == prefix + name) {
      node->second.entry.kind == Kind::whiteout ? void(names.erase(name)) : void(names.insert(name));
      ++node;
    } else {
      // Past everything below `name`: a slash sorts before every other byte.
      node = nodes_.lower_bound(prefix + name + '\0');
    }
  }
  return {names.begin(), names.end()};
}

std::unique_ptr<util::Reader> LayerPlan::open(const std::string& path) const {
  if (const auto own = taken_own_.find(path); own != taken_own_.end()) return own->second->open();
  const auto run = std::ranges::upper_bound(taken_copied_, path, PathOrder(), &std::pair<std::string, CopiedFilesRef>::first);
  if (run != taken_copied_.begin()) {
    const CopiedFiles& files = *std::prev(run)->second;
    if (const std::optional<std::string> source = files.source_of(path)) return files.tree->open(*source);
  }
  if (const auto node = nodes_.find(path); node != nodes_.end()) return node->second.open(path);
  if (!base_shows(path)) throw util::Error("open `/" + path + "`: not found");
  return base_->open(path);
}

util::Digest LayerPlan::content_digest(const std::string& path, const std::stop_token& stop) const {
  const auto node = nodes_.find(path);
  if (node == nodes_.end() && base_shows(path)) return base_->content_digest(path, stop);
  if (node != nodes_.end() && !node->second.entry.content.empty()) return node->second.entry.content;
  struct Discard final : util::Writer {
    void write(util::Bytes) override {}
  } discard;
  util::HashingWriter hash(discard);
  util::copy(*open(path), hash);
  return hash.digest();
}

void LayerPlan::take_parents(const std::string& path) {
  const std::string directory = cache::parent_path(path);
  if (directory == taken_directory_) return;
  for (std::size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    if (nodes_.contains(parent)) continue;
    std::optional<oci::LayerEntry> entry = base_->find(parent);
    CHECK(entry && entry->is_directory());
    entry->path.clear();
    entry->kind = Kind::node;
    nodes_[parent] = Node{std::move(*entry), {}, Origin::passed};
  }
  taken_directory_ = directory;
}

void LayerPlan::put(oci::LayerEntry entry, FileContentRef content) {
  put_node(std::move(entry), std::move(content));
}

void LayerPlan::put(oci::LayerEntry entry, CopiedFilesRef files) {
  CHECK(entry.is_file());
  put_node(std::move(entry), std::move(files));
}

FileContentRef LayerPlan::share_content(const std::string& path, const CopiedFiles& files) {
  const auto node = nodes_.find(path);
  if (node == nodes_.end()) return nullptr;
  const CopiedFilesRef* copied = std::get_if<CopiedFilesRef>(&node->second.bytes);
  if (copied == nullptr || copied->get() != &files) return nullptr;
  auto content = std::make_shared<FileContent>();
  content->open = [tree = files.tree, source = files.source_of(path).value()] { return tree->open(source); };
  node->second.bytes = content;
  return content;
}

void LayerPlan::put_node(oci::LayerEntry entry, std::variant<FileContentRef, CopiedFilesRef> bytes) {
  CHECK(!entry.path.empty());
  take_parents(entry.path);
  std::string path = std::exchange(entry.path, {});
  entry.kind = Kind::node;
  entry.hard_link.clear();
  if (entry.is_directory()) {
    const auto before = find_node(path);
    if (before != nodes_.end()) {
      CHECK(before->second.entry.kind == Kind::whiteout || before->second.entry.is_directory());
      // A directory that was removed and comes back must not show what the base has in it.
      entry.kind = before->second.entry.is_directory() ? before->second.entry.kind : Kind::opaque;
    }
  }
  // A file hides nothing of the base but what is below it, and nobody asks for that.
  if (entry.is_directory()) asked_directory_ = "/";
  nodes_.insert_or_assign(nodes_.end(), std::move(path), Node{std::move(entry), std::move(bytes), Origin::placed});
}

void LayerPlan::make_directories(const std::string& path, const oci::LayerEntry& like, DirectoryTime time) {
  std::uint32_t setgid = 0;
  for (std::size_t slash = 0; slash != std::string::npos && !path.empty();) {
    slash = path.find('/', slash + 1);
    const std::string directory = path.substr(0, slash);
    if (const std::optional<oci::LayerEntry> existing = find(directory)) {
      setgid = existing->mode & 02000;
      if (existing->is_directory()) continue;
      throw util::Error("create directory `/" + path + "`: `/" + directory + "` is not a directory");
    }
    oci::LayerEntry entry;
    entry.path = directory;
    entry.type = util::FileType::directory;
    entry.mode = like.mode | setgid;
    entry.uid = like.uid;
    entry.gid = like.gid;
    entry.mtime = like.mtime;
    put(std::move(entry));
    if (time == DirectoryTime::of_content) nodes_.at(directory).origin = Origin::made;
  }
}

void LayerPlan::remove(const std::string& path) {
  CHECK(!path.empty());
  asked_directory_ = "/";
  taken_directory_.clear();
  nodes_.erase(path);
  const std::string below = path + "/";
  auto node = nodes_.lower_bound(below);
  while (node != nodes_.end() && node->first.starts_with(below)) node = nodes_.erase(node);
  if (!base_shows(path) || !base_->find(path)) return;
  take_parents(path);
  oci::LayerEntry whiteout;
  whiteout.kind = Kind::whiteout;
  nodes_[path] = Node{std::move(whiteout), {}, Origin::placed};
}

void LayerPlan::link(const std::string& target, const std::string& name) {
  auto node = nodes_.find(target);
  if (node == nodes_.end()) {
    std::optional<oci::LayerEntry> entry = find(target);
    CHECK(entry && entry->is_file());
    entry->path = target;
    auto content = std::make_shared<FileContent>();
    content->open = [base = base_, target] { return base->open(target); };
    put(std::move(*entry), std::move(content));
    node = nodes_.find(target);
  }
  CHECK(node->second.entry.is_file());
  if (const CopiedFilesRef* files = std::get_if<CopiedFilesRef>(&node->second.bytes)) share_content(target, **files);
  oci::LayerEntry entry = node->second.entry;
  entry.path = name;
  put(std::move(entry), std::get<FileContentRef>(node->second.bytes));
}

void LayerPlan::change_file(const std::string& path, std::uint32_t mode, std::uint32_t uid, std::uint32_t gid,
                            util::Nanoseconds mtime) {
  const Node& file = nodes_.at(path);
  const FileContent* content = file.own_content();
  for (auto& [name, node] : nodes_) {
    if (&node != &file && (content == nullptr || node.own_content() != content)) continue;
    node.entry.mode = mode;
    node.entry.uid = uid;
    node.entry.gid = gid;
    node.entry.mtime = mtime;
  }
}

/// Newest time of what stands directly in a directory that was made on the way or passed through; directories that are
/// only passed through themselves do not count.
std::map<std::string, util::Nanoseconds> LayerPlan::directory_times() const {
  std::map<std::string, util::Nanoseconds> newest;
  auto parent = newest.end();  // siblings come one after the other
  // From the last name to the first: what is below a directory comes before it.
  for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) {
    const oci::LayerEntry& entry = node->second.entry;
    const auto own = entry.is_directory() ? newest.find(node->first) : newest.end();
    if (entry.kind == Kind::whiteout || node->second.origin == Origin::passed) continue;
    const bool derived = node->second.origin == Origin::made && own != newest.end();
    const util::Nanoseconds time = derived ? own->second : entry.mtime;
    std::string directory = cache::parent_path(node->first);
    if (parent == newest.end() || parent->first != directory) parent = newest.emplace(std::move(directory), time).first;
    if (parent->second < time) parent->second = time;
  }
  return newest;
}

/// The path of a file is in the listing: here is what leads from it to the bytes.
void LayerPlan::note_taken(const std::string& path, Node& node) {
  if (CopiedFilesRef* files = std::get_if<CopiedFilesRef>(&node.bytes)) {
    if (taken_copied_.empty() || taken_copied_.back().second != *files) taken_copied_.emplace_back(path, std::move(*files));
  } else if (node.own_content() != nullptr) {
    taken_own_.emplace_hint(taken_own_.end(), path, std::get<FileContentRef>(std::move(node.bytes)));
  }
}

std::vector<oci::LayerEntry> LayerPlan::take_changes() {
  const std::map<std::string, util::Nanoseconds> times = directory_times();
  std::vector<oci::LayerEntry> entries;
  entries.reserve(nodes_.size());
  std::map<const FileContent*, const std::string*> first_names;
  // Node by node, so that a large layer is not there twice.
  while (!nodes_.empty()) {
    auto taken = nodes_.extract(nodes_.begin());
    Node& node = taken.mapped();
    oci::LayerEntry& entry = entries.emplace_back(std::move(node.entry));
    entry.path = std::move(taken.key());
    if (node.origin != Origin::placed) {
      if (const auto time = times.find(entry.path); time != times.end()) entry.mtime = time->second;
    }
    if (const FileContent* content = node.own_content()) {
      const auto [first, is_first] = first_names.emplace(content, &entry.path);
      if (!is_first) entry.hard_link = *first->second;
    }
    note_taken(entry.path, node);
  }
  memory_.release();
  return entries;
}

}  // namespace ops
