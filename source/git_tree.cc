#include "source/git_tree.h"

namespace source {

std::optional<oci::LayerEntry> GitTree::find(const std::string& path) const {
  std::optional<oci::LayerEntry> entry = files_.find(path);
  if (!entry) return std::nullopt;
  if (entry->is_directory()) {
    entry->mode = 0755;
  } else if (entry->is_file()) {
    entry->mode = (entry->mode & 0100) != 0 ? 0755 : 0644;
  }
  if (commit_time_) entry->mtime = *commit_time_ * 1'000'000'000;
  return entry;
}

}  // namespace source
