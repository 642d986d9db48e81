#pragma once

#include <string>
#include <vector>

#include "util/mount.h"

namespace ops {

/// What is at `path` (clean, no links, existing) of a root made by `whole` (the mounts of a snapshot): the part of its
/// one bind mount, or the directories of its overlay that make up that path.
struct SubView {
  std::vector<std::string> directories;  ///< overlay: the topmost first
  std::string file;                      ///< or this file
};
/// Directories of an overlay at `path`: from the top down, until something hides what is below.
SubView overlay_part(const std::vector<std::string>& lower, const std::string& path);

/// Mounts that show `path` of `whole` at `target`, read-only or, when `whole` is writable, so that writes stay in its
/// upper directory. A single file of an overlay is always shown read-only.
std::vector<util::Mount> mount_part(std::vector<util::Mount> whole, const std::string& path, const std::string& target,
                                    bool read_only);

}  // namespace ops
