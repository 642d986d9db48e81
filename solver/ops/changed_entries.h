#pragma once

#include <filesystem>
#include <vector>

#include "cache/tree.h"
#include "oci/layer.h"

namespace ops {

/// What of a step's changes really differs from the root it ran on, as BuildKit's differ decides: a file that was only
/// copied up (same type, mode, owner, capability, size, time and, where times have no fraction, content) and a
/// directory without other metadata and with nothing left below it are dropped. `directory` is where the files of
/// `entries` are. A hard link whose first name is dropped becomes a file. Throws util::Error.
std::vector<oci::LayerEntry> changed_entries(std::vector<oci::LayerEntry> entries, const cache::Tree& base,
                                             const std::filesystem::path& directory);

}  // namespace ops
