#include "cache/layered_tree.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "cache/vouching_reader.h"
#include "util/error.h"
#include "util/fd.h"

namespace cache {
namespace {

using Kind = oci::LayerEntry::Kind;
using Item = MergedListing::Item;

bool item_less(const Item& item, std::string_view path) {
  return oci::path_less(item.entry->path, path);
}

bool is_below(std::string_view path, std::string_view directory) {
  return directory.empty() ||
         (path.size() > directory.size() && path.starts_with(directory) && path[directory.size()] == '/');
}

template <typename Iterator>
Iterator end_of_subtree(Iterator first, Iterator last, std::string_view directory) {
  // What is below a directory comes right behind it; most directories are small, so look near before looking far.
  std::ptrdiff_t step = 1;
  while (last - first > step && is_below(first[step].entry->path, directory)) {
    first += step;
    step *= 2;
  }
  last = last - first > step ? first + step : last;
  return std::partition_point(first, last, [&](const Item& item) { return is_below(item.entry->path, directory); });
}

/// Merging looks at everything once; up to about here asking layer by layer is cheaper, however small the chain.
constexpr unsigned kFewQuestions = 64;

/// A file of a layer's directory, compared with the listing's digest at its end.
class ListedFileReader final : public VouchingReader {
 public:
  /// `damaged` throws.
  ListedFileReader(util::Fd fd, util::Digest digest, std::function<void()> damaged)
      : file_(std::move(fd)), digest_(std::move(digest)), damaged_(std::move(damaged)) {}
  std::size_t read(std::span<std::byte> buffer) override {
    if (done_ || buffer.empty()) return 0;
    const std::size_t count = file_.read(buffer);
    hash_.update(buffer.first(count));
    if (count == 0) {
      done_ = true;
      if (hash_.finish() != digest_) damaged_();
    }
    return count;
  }
  const util::Digest& vouched() const override { return digest_; }

 private:
  util::FdReader file_;
  util::Digest digest_;
  std::function<void()> damaged_;
  util::Sha256 hash_;
  bool done_ = false;
};

const oci::LayerEntry* entry_at(const std::vector<oci::LayerEntry>& entries, std::string_view path) {
  auto found = std::lower_bound(entries.begin(), entries.end(), path,
                                [](const oci::LayerEntry& entry, std::string_view p) { return oci::path_less(entry.path, p); });
  return found != entries.end() && found->path == path ? &*found : nullptr;
}

/// Whether a layer makes `directory` appear by having something below it.
bool has_below(const std::vector<oci::LayerEntry>& entries, std::string_view directory) {
  auto entry = std::lower_bound(entries.begin(), entries.end(), directory,
                                [](const oci::LayerEntry& e, std::string_view p) { return oci::path_less(e.path, p); });
  if (entry != entries.end() && entry->path == directory) ++entry;
  while (entry != entries.end() && is_below(entry->path, directory) && entry->kind == Kind::whiteout) ++entry;
  return entry != entries.end() && is_below(entry->path, directory);
}

/// Whether what lower layers have at `path` is hidden by what this one has above it.
bool hides(const std::vector<oci::LayerEntry>& entries, std::string_view path) {
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    const oci::LayerEntry* above = entry_at(entries, path.substr(0, slash));
    if (above != nullptr && (above->kind != Kind::node || !above->is_directory())) return true;
  }
  return false;
}

oci::LayerEntry root_entry() {
  oci::LayerEntry root;
  root.type = util::FileType::directory;
  root.mode = 0755;
  return root;
}

}  // namespace

MergedListing::MergedListing(std::vector<Listing> layers) : layers_(std::move(layers)) {
  for (std::uint32_t layer = 0; layer != layers_.size(); ++layer) add_layer(layer);
}

/// Merges one layer over what is visible so far. What lies between two entries of the layer is copied as a block.
void MergedListing::add_layer(std::uint32_t layer) {
  std::vector<Item> lower = std::move(items_);
  std::vector<Item> merged;
  merged.reserve(lower.size() + layers_[layer]->size());
  auto rest = lower.begin();
  for (const oci::LayerEntry& entry : *layers_[layer]) {
    auto position = std::lower_bound(rest, lower.end(), entry.path, item_less);
    merged.insert(merged.end(), rest, position);
    rest = position;
    bool same = rest != lower.end() && rest->entry->path == entry.path;
    bool lower_directory = same && rest->entry->is_directory();
    if (same) ++rest;
    bool keeps_below = entry.is_directory() && entry.kind == Kind::node && lower_directory;
    if (!keeps_below && rest != lower.end() && is_below(rest->entry->path, entry.path)) {
      rest = end_of_subtree(rest, lower.end(), entry.path);
    }
    if (entry.kind == Kind::whiteout) continue;
    add_implied(merged, entry.path, layer);
    merged.push_back(Item{&entry, layer});
  }
  merged.insert(merged.end(), rest, lower.end());
  items_ = std::move(merged);
}

/// Makes the directories above `path` visible where nothing has done that before.
void MergedListing::add_implied(std::vector<Item>& merged, std::string_view path, std::uint32_t layer) {
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1)) {
    std::string_view parent = path.substr(0, slash);
    if (!merged.empty() && is_below(merged.back().entry->path, parent)) continue;
    auto found = std::lower_bound(merged.begin(), merged.end(), parent, item_less);
    if (found != merged.end() && found->entry->path == parent) {
      if (found->entry->is_directory()) continue;
      merged.erase(found);
    }
    auto directory = std::make_unique<oci::LayerEntry>(root_entry());
    directory->path = parent;
    auto place = std::lower_bound(merged.begin(), merged.end(), parent, item_less);
    merged.insert(place, Item{directory.get(), layer});
    implied_.push_back(std::move(directory));
  }
}

const Item* MergedListing::find(std::string_view path) const {
  auto found = std::lower_bound(items_.begin(), items_.end(), path, item_less);
  return found != items_.end() && found->entry->path == path ? &*found : nullptr;
}

std::vector<std::string> MergedListing::list(std::string_view path) const {
  std::vector<std::string> names;
  auto item = path.empty() ? items_.begin() : std::lower_bound(items_.begin(), items_.end(), path, item_less);
  if (!path.empty() && item != items_.end() && item->entry->path == path) ++item;
  std::size_t prefix = path.empty() ? 0 : path.size() + 1;
  while (item != items_.end() && is_below(item->entry->path, path)) {
    const std::string& child = item->entry->path;
    names.emplace_back(child.substr(prefix));
    ++item;
    if (item != items_.end() && is_below(item->entry->path, child)) item = end_of_subtree(item, items_.end(), child);
  }
  return names;
}

std::optional<oci::LayerEntry> find_in_layers(std::span<const Listing> layers, const std::string& path) {
  bool implied = false;
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    if (const oci::LayerEntry* entry = entry_at(**layer, path)) {
      if (entry->kind == Kind::whiteout || (implied && !entry->is_directory())) break;
      return *entry;
    }
    implied = implied || has_below(**layer, path);
    if (hides(**layer, path)) break;
  }
  if (!implied) return std::nullopt;
  oci::LayerEntry directory = root_entry();
  directory.path = path;
  return directory;
}

LayeredTree::LayeredTree(Load load, Merge merge, DirectoryOf directory_of, Damaged damaged)
    : load_(std::move(load)), merge_(std::move(merge)), directory_of_(std::move(directory_of)), damaged_(std::move(damaged)) {}

const std::vector<Listing>& LayeredTree::layers() const {
  std::lock_guard lock(mutex_);
  if (!layers_) layers_ = load_();
  return *layers_;
}

const MergedListing& LayeredTree::merged() const {
  // Not std::call_once: `merge_` may throw, after which ThreadSanitizer's pthread_once waits for ever.
  const MergedListing* ready = loaded_.load(std::memory_order_acquire);
  if (ready != nullptr) return *ready;
  std::lock_guard lock(mutex_);
  if (merged_ == nullptr) merged_ = merge_();
  loaded_.store(merged_.get(), std::memory_order_release);
  return *merged_;
}

const Item& LayeredTree::file(const std::string& path) const {
  const Item* item = merged().find(path);
  if (item == nullptr || !item->entry->is_file()) throw util::Error(fmt::format("read `/{}`: not a file", path));
  return *item;
}

std::optional<oci::LayerEntry> LayeredTree::find(const std::string& path) const {
  if (path.empty()) return root_entry();
  if (loaded_.load(std::memory_order_acquire) == nullptr && questions_++ < kFewQuestions) {
    return find_in_layers(layers(), path);
  }
  const Item* item = merged().find(path);
  if (item == nullptr) return std::nullopt;
  return *item->entry;
}

std::vector<std::string> LayeredTree::list(const std::string& path) const {
  return merged().list(path);
}

std::unique_ptr<util::Reader> LayeredTree::open(const std::string& path) const {
  const Item& item = file(path);
  util::Fd root = util::open_file(directory_of_(item.layer), O_RDONLY | O_DIRECTORY);
  auto damaged = [report = damaged_, layer = item.layer, path] { report(layer, path); };
  util::Fd file(::openat(root.get(), path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!file && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) damaged();
  if (!file) util::throw_errno(fmt::format("open `{}`", path));
  if (!item.entry->content) return std::make_unique<util::FdReader>(std::move(file));
  return std::make_unique<ListedFileReader>(std::move(file), item.entry->content, std::move(damaged));
}

util::Digest LayeredTree::content_digest(const std::string& path, const std::stop_token&) const {
  const Item& item = file(path);
  if (item.entry->content) return item.entry->content;
  throw util::Error(fmt::format("read `/{}`: the layer's listing has no digest of it", path));
}

}  // namespace cache
