#include "solver/ops/changed_entries.h"

#include <fcntl.h>

#include <iterator>
#include <map>
#include <set>
#include <string>

#include "util/fd.h"
#include "util/stream.h"

namespace ops {
namespace {

using Kind = oci::LayerEntry::Kind;

constexpr util::Nanoseconds kSecond = 1'000'000'000;
constexpr const char* kCapability = "security.capability";

std::string capability(const oci::LayerEntry& entry) {
  const auto found = entry.xattrs->find(kCapability);
  return found == entry.xattrs.end() ? std::string() : found->second;
}

bool same_metadata(const oci::LayerEntry& a, const oci::LayerEntry& b) {
  return a.type == b.type && a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && capability(a) == capability(b);
}

util::Digest digest_of(const std::filesystem::path& file) {
  struct Discard final : util::Writer {
    void write(util::Bytes) override {}
  } discard;
  util::HashingWriter hash(discard);
  util::FdReader reader(util::open_file(file, O_RDONLY | O_NOFOLLOW));
  util::copy(reader, hash);
  return hash.digest();
}

bool is_unchanged_file(const oci::LayerEntry& entry, const cache::Tree& base, const std::filesystem::path& directory) {
  const std::optional<oci::LayerEntry> before = base.find(entry.path);
  if (!before || !same_metadata(entry, *before) || entry.link_target != before->link_target ||
      entry.device_major != before->device_major || entry.device_minor != before->device_minor) {
    return false;
  }
  if (entry.type != util::FileType::regular) return entry.mtime == before->mtime;
  if (entry.size != before->size || entry.mtime != before->mtime) return false;
  // A time without a fraction may have been cut, so that it proves nothing.
  return entry.mtime % kSecond != 0 || digest_of(directory / entry.path) == base.content_digest(entry.path);
}

bool is_unchanged_directory(const oci::LayerEntry& entry, const cache::Tree& base) {
  if (entry.kind == Kind::opaque) return false;
  const std::optional<oci::LayerEntry> before = base.find(entry.path);
  return before && same_metadata(entry, *before);
}

/// Names whose first name is gone become names of the first that is left.
void repair_hard_links(std::vector<oci::LayerEntry>& entries, const std::set<std::string>& dropped) {
  std::map<std::string, std::string> successor;
  for (oci::LayerEntry& entry : entries) {
    if (entry.hard_link.empty() || !dropped.contains(entry.hard_link)) continue;
    const auto [first, is_first] = successor.emplace(entry.hard_link, entry.path);
    entry.hard_link = is_first ? std::string() : first->second;
  }
}

}  // namespace

std::vector<oci::LayerEntry> changed_entries(std::vector<oci::LayerEntry> entries, const cache::Tree& base,
                                             const std::filesystem::path& directory) {
  oci::sort_entries(entries);
  std::set<std::string> dropped;
  std::vector<oci::LayerEntry> kept;
  std::string last_kept;
  // From the end: what is below a directory is decided before the directory.
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    bool drop = false;
    if (entry->is_directory()) {
      drop = !last_kept.starts_with(entry->path + "/") && is_unchanged_directory(*entry, base);
    } else if (entry->kind == Kind::node) {
      drop = is_unchanged_file(*entry, base, directory);
    }
    if (drop) {
      dropped.insert(entry->path);
      continue;
    }
    last_kept = entry->path;
    kept.push_back(std::move(*entry));
  }
  std::vector<oci::LayerEntry> result(std::make_move_iterator(kept.rbegin()), std::make_move_iterator(kept.rend()));
  repair_hard_links(result, dropped);
  return result;
}

}  // namespace ops
