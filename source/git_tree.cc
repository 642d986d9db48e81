#include "source/git_tree.h"

namespace source {

std::optional<oci::LayerEntry> GitTree::find(const std::string& path) const {
  std::optional<oci::LayerEntry> entry = files_.find(path);
  if (!entry) return std::nullopt;
  if (entry->type != util::FileType::symlink) {
    const std::uint32_t shared = entry->mode & 0500;
    entry->mode = (entry->mode & 0700) | shared >> 3 | shared >> 6;
  }
  if (commit_time_) entry->mtime = *commit_time_ * 1'000'000'000;
  return entry;
}

}  // namespace source
