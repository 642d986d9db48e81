#pragma once

#include <span>
#include <string>
#include <string_view>

namespace dockerfile {

/// " (did you mean X?)" with the known word nearest to `word` (FEATURES.md 2.1), or nothing.
std::string suggestion_text(std::string_view word, std::span<const std::string> known);

}  // namespace dockerfile
