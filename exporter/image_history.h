#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "oci/image.h"

namespace exporter {

/// Makes history and layers agree and gives every entry a time (FEATURES.md 6.2): an entry with a layer takes the
/// layer's time, one without takes the first new layer's, or else the one before it. Surplus layers get entries of
/// their own, surplus entries become empty. `layer_times` in nanoseconds from the bottom, 0 = unknown; `base_history`
/// leading entries are left as they are; `epoch` in seconds clamps the times of the others. Sets `created` too: the
/// last time there is; the Unix epoch if there is none.
void complete_history(oci::ImageConfig& config, std::span<const std::int64_t> layer_times, std::size_t base_history,
                      std::optional<std::int64_t> epoch);

}  // namespace exporter
