#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cache/result_index.h"

namespace solver {

/// Why a vertex missed, in words: "never built before", "file src/a.c changed", "the parent changed",
/// "argument VERSION changed: 1 -> 2", ... `before` is the newest summary of the same step.
std::vector<std::string> explain_miss(const std::optional<cache::KeySummary>& before, const cache::KeySummary& now);

}  // namespace solver
