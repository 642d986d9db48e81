#pragma once

#include <cstdint>
#include <optional>

#include "exporter/exporter.h"

namespace exporter {

/// SOURCE_DATE_EPOCH that holds for an output, in seconds: its own `source-date-epoch` (empty = none), else that of the
/// build. Throws util::Error when it is no number.
std::optional<std::int64_t> effective_epoch(const OutputSpec& output, const std::optional<std::int64_t>& of_build);

}  // namespace exporter
