#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace dockerfile {

/// Patterns of a `.dockerignore` text. Throws util::Error for a lone `!` or a malformed pattern (with the line).
std::vector<std::string> parse_dockerignore(std::string_view text);

}  // namespace dockerfile
