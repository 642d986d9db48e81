#include "cache/tree.h"

#include <deque>

#include "util/error.h"
#include "util/fs.h"
#include "util/text.h"

namespace cache {
namespace {

constexpr int kMaxLinks = 255;

oci::LayerEntry plain_directory(const std::string& path) {
  oci::LayerEntry entry;
  entry.path = path;
  entry.type = util::FileType::directory;
  entry.mode = 0755;
  return entry;
}

}  // namespace

std::vector<oci::LayerEntry> Tree::entries(const std::string& path) const {
  std::vector<oci::LayerEntry> entries;
  for (const std::string& name : list(path)) {
    if (std::optional<oci::LayerEntry> entry = find(path.empty() ? name : path + "/" + name)) {
      entries.push_back(std::move(*entry));
    }
  }
  return entries;
}

void MemoryTree::add(oci::LayerEntry entry, std::string content) {
  entry.path = util::clean_relative(entry.path);
  for (std::size_t slash = entry.path.find('/'); slash != std::string::npos; slash = entry.path.find('/', slash + 1)) {
    std::string parent = entry.path.substr(0, slash);
    nodes_.try_emplace(parent, Node{plain_directory(parent), {}});
  }
  if (entry.is_file()) {
    entry.size = content.size();
    entry.content = util::sha256_of(content);
  }
  std::string path = entry.path;
  nodes_[path] = Node{std::move(entry), std::move(content)};
}

std::optional<oci::LayerEntry> MemoryTree::find(const std::string& path) const {
  auto found = nodes_.find(path);
  if (found != nodes_.end()) return found->second.entry;
  if (path.empty()) return plain_directory("");
  return std::nullopt;
}

std::vector<std::string> MemoryTree::list(const std::string& path) const {
  std::vector<std::string> names;
  std::string prefix = path.empty() ? "" : path + "/";
  for (auto node = nodes_.lower_bound(prefix); node != nodes_.end() && node->first.starts_with(prefix); ++node) {
    std::string_view rest = std::string_view(node->first).substr(prefix.size());
    if (!rest.empty() && rest.find('/') == std::string_view::npos) names.emplace_back(rest);
  }
  return names;
}

std::unique_ptr<util::Reader> MemoryTree::open(const std::string& path) const {
  auto found = nodes_.find(path);
  if (found == nodes_.end() || !found->second.entry.is_file()) throw util::Error("open `/" + path + "`: not a file");
  return std::make_unique<util::StringReader>(found->second.content);
}

util::Digest MemoryTree::content_digest(const std::string& path, const std::stop_token&) const {
  auto found = nodes_.find(path);
  if (found == nodes_.end() || !found->second.entry.is_file()) throw util::Error("read `/" + path + "`: not a file");
  return found->second.entry.content;
}

std::string resolve_path(const Tree& tree, std::string_view path, bool follow_last) {
  std::deque<std::string> pending;
  for (std::string& part : util::split(path, '/')) pending.push_back(std::move(part));
  std::vector<std::string> done;
  int links = 0;
  while (!pending.empty()) {
    std::string part = std::move(pending.front());
    pending.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!done.empty()) done.pop_back();
      continue;
    }
    done.push_back(std::move(part));
    if (pending.empty() && !follow_last) break;
    std::optional<oci::LayerEntry> entry = tree.find(util::join(done, "/"));
    if (!entry || entry->type != util::FileType::symlink) continue;
    if (++links > kMaxLinks) throw util::Error("follow links of `" + std::string(path) + "`: too many links");
    done.pop_back();
    if (entry->link_target->starts_with('/')) done.clear();
    std::vector<std::string> target = util::split(*entry->link_target, '/');
    pending.insert(pending.begin(), target.begin(), target.end());
  }
  return util::join(done, "/");
}

}  // namespace cache
