#include "solver/ops/layer_plan.h"

#include <algorithm>
#include <set>

#include "cache/selection.h"
#include "util/check.h"
#include "util/error.h"

namespace ops {
namespace {

using Kind = oci::LayerEntry::Kind;

/// Null when it has none that could be shared.
const FileContent* own_content(const PlanNode& node) {
  const FileContentRef* content = std::get_if<FileContentRef>(&node.bytes);
  return content == nullptr ? nullptr : content->get();
}

}  // namespace

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
    const PlanNode* above = nodes_.find(std::string_view(path).substr(0, slash));
    if (above == nullptr) continue;
    if (!above->entry.is_directory() || above->entry.kind == Kind::opaque) return false;
  }
  return true;
}

std::optional<oci::LayerEntry> LayerPlan::find(const std::string& path) const {
  if (const PlanNode* node = nodes_.find(path)) {
    return node->entry.kind == Kind::whiteout ? std::nullopt : std::optional(node->entry);
  }
  if (!base_shows(path)) return std::nullopt;
  return base_->find(path);
}

std::vector<std::string> LayerPlan::list(const std::string& path) const {
  std::set<std::string> names;
  const PlanNode* directory = nodes_.find(path);
  const bool hidden = directory != nullptr && (!directory->entry.is_directory() || directory->entry.kind == Kind::opaque);
  if (const auto below = base_->find(path); !hidden && base_shows(path) && below && below->is_directory()) {
    for (std::string& name : base_->list(path)) names.insert(std::move(name));
  }
  const std::string prefix = path.empty() ? "" : path + "/";
  for (auto node = nodes_.lower_bound(prefix); node != nodes_.end() && node->entry.path.starts_with(prefix);) {
    const std::string& found = node->entry.path;
    const std::string name = found.substr(prefix.size(), found.find('/', prefix.size()) - prefix.size());
    if (name.empty()) {
      ++node;
      continue;
    }
    if (found == prefix + name) {
      node->entry.kind == Kind::whiteout ? void(names.erase(name)) : void(names.insert(name));
      ++node;
    } else {
      // Past everything below `name`: a slash sorts before every other byte.
      node = nodes_.lower_bound(prefix + name + '\0');
    }
  }
  return {names.begin(), names.end()};
}

std::unique_ptr<util::Reader> LayerPlan::open(const std::string& path) const {
  decltype(PlanNode::bytes) bytes;
  bool in_base = false;
  {
    std::lock_guard lock(reading_);
    if (last_.path != path || path.empty()) {
      const PlanNode* node = nodes_.find(path);
      last_ = node != nullptr ? LastRead{path, node->bytes} : LastRead();
      in_base = node == nullptr;
    }
    if (in_base && !base_shows(path)) throw util::Error("open `/" + path + "`: not found");
    bytes = last_.bytes;
  }
  if (in_base) return base_->open(path);
  if (const CopiedFilesRef* files = std::get_if<CopiedFilesRef>(&bytes)) return (*files)->tree->open((*files)->source_of(path).value());
  const FileContentRef& content = std::get<FileContentRef>(bytes);
  if (content == nullptr) throw util::Error("open `/" + path + "`: not a regular file");
  return content->open();
}

util::Digest LayerPlan::content_digest(const std::string& path, const std::stop_token& stop) const {
  const PlanNode* node = nodes_.find(path);
  if (node == nullptr && base_shows(path)) return base_->content_digest(path, stop);
  if (node != nullptr && !node->entry.content.empty()) return node->entry.content;
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
    if (std::as_const(nodes_).find(parent) != nullptr) continue;
    std::optional<oci::LayerEntry> entry = base_->find(parent);
    CHECK(entry && entry->is_directory());
    entry->path = parent;
    entry->kind = Kind::node;
    nodes_.put({std::move(*entry), {}, Origin::passed});
    has_derived_times_ = true;
  }
  taken_directory_ = directory;
}

void LayerPlan::put(oci::LayerEntry entry, FileContentRef content) {
  has_own_content_ = has_own_content_ || content != nullptr;
  put_node(std::move(entry), std::move(content));
}

void LayerPlan::put(oci::LayerEntry entry, CopiedFilesRef files) {
  CHECK(entry.is_file());
  put_node(std::move(entry), std::move(files));
}

FileContentRef LayerPlan::share_content(const std::string& path, const CopiedFiles& files) {
  PlanNode* node = nodes_.find(path);
  if (node == nullptr) return nullptr;
  last_.path.clear();
  const CopiedFilesRef* copied = std::get_if<CopiedFilesRef>(&node->bytes);
  if (copied == nullptr || copied->get() != &files) return nullptr;
  FileContentRef content = content_in(files.tree, files.source_of(path).value());
  node->bytes = content;
  has_own_content_ = true;
  return content;
}

void LayerPlan::put_node(oci::LayerEntry entry, std::variant<FileContentRef, CopiedFilesRef> bytes) {
  CHECK(!entry.path.empty());
  last_.path.clear();
  take_parents(entry.path);
  entry.kind = Kind::node;
  entry.hard_link.clear();
  if (entry.is_directory()) {
    if (const PlanNode* before = std::as_const(nodes_).find(entry.path)) {
      CHECK(before->entry.kind == Kind::whiteout || before->entry.is_directory());
      // A directory that was removed and comes back must not show what the base has in it.
      entry.kind = before->entry.is_directory() ? before->entry.kind : Kind::opaque;
    }
  }
  // A file hides nothing of the base but what is below it, and nobody asks for that.
  if (entry.is_directory()) asked_directory_ = "/";
  nodes_.put({std::move(entry), std::move(bytes), Origin::placed});
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
    if (time == DirectoryTime::of_content) {
      nodes_.find(directory)->origin = Origin::made;
      has_derived_times_ = true;
    }
  }
}

void LayerPlan::remove(const std::string& path) {
  CHECK(!path.empty());
  asked_directory_ = "/";
  taken_directory_.clear();
  last_.path.clear();
  nodes_.erase_tree(path);
  if (!base_shows(path) || !base_->find(path)) return;
  take_parents(path);
  oci::LayerEntry whiteout;
  whiteout.path = path;
  whiteout.kind = Kind::whiteout;
  nodes_.put({std::move(whiteout), {}, Origin::placed});
}

void LayerPlan::link(const std::string& target, const std::string& name) {
  if (std::as_const(nodes_).find(target) == nullptr) {
    std::optional<oci::LayerEntry> entry = find(target);
    CHECK(entry && entry->is_file());
    entry->path = target;
    put(std::move(*entry), content_in(base_, target));
  }
  PlanNode node = *std::as_const(nodes_).find(target);
  CHECK(node.entry.is_file());
  if (const CopiedFilesRef* files = std::get_if<CopiedFilesRef>(&node.bytes)) node.bytes = share_content(target, **files);
  node.entry.path = name;
  put(std::move(node.entry), std::get<FileContentRef>(node.bytes));
}

void LayerPlan::change_file(const std::string& path, std::uint32_t mode, std::uint32_t uid, std::uint32_t gid,
                            util::Nanoseconds mtime) {
  const PlanNode* file = std::as_const(nodes_).find(path);
  CHECK(file != nullptr);
  std::vector<std::string> names = {path};
  if (const FileContent* content = own_content(*file)) {
    for (const PlanNode& node : nodes_) {
      if (own_content(node) == content) names.push_back(node.entry.path);
    }
  }
  for (const std::string& name : names) {
    oci::LayerEntry& entry = nodes_.find(name)->entry;
    entry.mode = mode;
    entry.uid = uid;
    entry.gid = gid;
    entry.mtime = mtime;
  }
}

/// Newest time of what stands directly in a directory that was made on the way or passed through; directories that are
/// only passed through themselves do not count.
std::map<std::string, util::Nanoseconds> LayerPlan::directory_times() const {
  std::map<std::string, util::Nanoseconds> newest;
  auto parent = newest.end();  // siblings come one after the other
  // From the last name to the first: what is below a directory comes before it.
  for (auto next = nodes_.end(); next != nodes_.begin();) {
    const PlanNode& node = *--next;
    const oci::LayerEntry& entry = node.entry;
    const auto own = entry.is_directory() ? newest.find(entry.path) : newest.end();
    if (entry.kind == Kind::whiteout || node.origin == Origin::passed) continue;
    const bool derived = node.origin == Origin::made && own != newest.end();
    const util::Nanoseconds time = derived ? own->second : entry.mtime;
    std::string directory = cache::parent_path(entry.path);
    if (parent == newest.end() || parent->first != directory) parent = newest.emplace(std::move(directory), time).first;
    if (parent->second < time) parent->second = time;
  }
  return newest;
}

/// The plan's nodes as what they are in the layer.
class LayerPlan::Changes final : public oci::EntryStream {
 public:
  explicit Changes(const LayerPlan& plan) : plan_(plan) {
    std::lock_guard lock(plan_.reading_);
    if (plan_.has_derived_times_) times_ = plan_.directory_times();
    if (plan_.has_own_content_) first_names_ = plan_.shared_contents();
    next_ = plan_.nodes_.begin();
  }
  std::size_t size() const override { return plan_.nodes_.size(); }
  void rewind() override { next_ = plan_.nodes_.begin(); }
  bool next(oci::LayerEntry& entry) override {
    std::lock_guard lock(plan_.reading_);
    if (next_ == plan_.nodes_.end()) return false;
    const PlanNode& node = *next_;
    entry = node.entry;
    if (entry.is_file()) plan_.last_ = {entry.path, node.bytes};
    if (node.origin != Origin::placed) {
      if (const auto time = times_.find(entry.path); time != times_.end()) entry.mtime = time->second;
    }
    if (const auto first = first_names_.find(own_content(node)); first != first_names_.end() && first->second != entry.path) {
      entry.hard_link = first->second;
    }
    ++next_;
    return true;
  }
  std::vector<std::string> hard_link_targets() const override {
    std::vector<std::string> targets;
    for (const auto& [content, name] : first_names_) targets.push_back(name);
    return targets;
  }

 private:
  const LayerPlan& plan_;
  std::map<std::string, util::Nanoseconds> times_;
  std::map<const FileContent*, std::string> first_names_;
  PlanNodes::ConstIterator next_;
};

/// What several files have -> the name of the first.
std::map<const FileContent*, std::string> LayerPlan::shared_contents() const {
  std::map<const FileContent*, std::pair<std::string, bool>> first_names;
  for (const PlanNode& node : nodes_) {
    const FileContent* content = own_content(node);
    if (content == nullptr) continue;
    const auto [first, is_first] = first_names.try_emplace(content, node.entry.path, false);
    first->second.second = !is_first;
  }
  std::map<const FileContent*, std::string> shared;
  for (auto& [content, name] : first_names) {
    if (name.second) shared.emplace(content, std::move(name.first));
  }
  return shared;
}

std::unique_ptr<oci::EntryStream> LayerPlan::changes() const {
  return std::make_unique<Changes>(*this);
}

}  // namespace ops
