#include "cache/layer_entries.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "util/error.h"

namespace cache {

CheckedEntries::CheckedEntries(oci::EntryStream& entries) : entries_(entries) {
  for (std::string& target : entries.hard_link_targets()) targets_.emplace(std::move(target), false);
}

void CheckedEntries::rewind() {
  entries_.rewind();
  for (auto& [path, came] : targets_) came = false;
  last_path_.clear();
  last_is_directory_ = true;
}

bool CheckedEntries::next(oci::LayerEntry& entry) {
  if (!entries_.next(entry)) return false;
  // Of all attributes image layers carry file capabilities only, as those of BuildKit do.
  if (!entry.xattrs.empty()) std::erase_if(entry.xattrs.edit(), [](const auto& xattr) { return xattr.first != "security.capability"; });
  check(entry);
  return true;
}

void CheckedEntries::check(const oci::LayerEntry& entry) {
  if (entry.path == last_path_) throw util::Error(fmt::format("commit a layer: `/{}` is in it twice", entry.path));
  // What is below a path comes right behind it.
  const bool below = entry.path.size() > last_path_.size() && entry.path[last_path_.size()] == '/' && entry.path.starts_with(last_path_);
  if (!last_is_directory_ && below) {
    throw util::Error(fmt::format("commit a layer: `/{}` is below `/{}`, which is not a directory", entry.path, last_path_));
  }
  last_path_ = entry.path;
  last_is_directory_ = entry.is_directory();
  if (!targets_.empty() && is_content(entry)) {
    if (const auto target = targets_.find(entry.path); target != targets_.end()) target->second = true;
  }
  if (entry.hard_link.empty()) return;
  if (const auto target = targets_.find(*entry.hard_link); target == targets_.end() || !target->second) {
    throw util::Error(fmt::format("commit a layer: `/{}` is a hard link to `/{}`, which is no file before it", entry.path, *entry.hard_link));
  }
}

std::vector<oci::LayerEntry> CheckedEntries::next_some(std::size_t most) {
  std::vector<oci::LayerEntry> some;
  some.reserve(std::min(most, size()));
  for (oci::LayerEntry entry; some.size() < most && next(entry);) some.push_back(std::move(entry));
  return some;
}

std::vector<std::string> CheckedEntries::targets() const {
  std::vector<std::string> paths;
  for (const auto& [path, came] : targets_) paths.push_back(path);
  return paths;
}

HardLinkCompleter::HardLinkCompleter(const std::vector<std::string>& targets) {
  for (const std::string& target : targets) files_.emplace(target, File());
}

void HardLinkCompleter::complete(oci::LayerEntry& entry) {
  if (files_.empty() || !entry.is_file()) return;
  if (!entry.hard_link.empty()) {
    const File& file = files_.at(*entry.hard_link);
    entry.content = file.content;
    entry.size = file.size;
  } else if (const auto target = files_.find(entry.path); target != files_.end()) {
    target->second = {entry.content, entry.size};
  }
}

NewListing::NewListing(const std::filesystem::path& path, const CheckedEntries& entries)
    : file_(path, 0600), hard_links_(entries.targets()), listing_(to_, entries.size()), keeps_(entries.size() <= kKept) {
  if (keeps_) kept_.reserve(entries.size());
}

void NewListing::add(oci::LayerEntry& entry) {
  hard_links_.complete(entry);
  content_size_ += is_content(entry) ? entry.size : 0;
  id_.add(entry);
  util::with_context("store the listing of a layer", [&] { listing_.add(entry); });
  if (keeps_) kept_.push_back(std::move(entry));
}

LayerId NewListing::finish() {
  util::with_context("store the listing of a layer", [&] { listing_.finish(); });
  return id_.finish();
}

std::shared_ptr<const std::vector<oci::LayerEntry>> NewListing::take_kept() {
  if (!keeps_) return nullptr;
  return std::make_shared<const std::vector<oci::LayerEntry>>(std::move(kept_));
}

}  // namespace cache
