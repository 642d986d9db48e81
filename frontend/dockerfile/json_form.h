#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dockerfile {

/// The strings of `["a", "b"]`. nullopt when the text is not one complete JSON array (the shell form is meant then).
/// Throws util::Error for a valid array with anything but strings in it.
std::optional<std::vector<std::string>> parse_json_form(std::string_view text);

}  // namespace dockerfile
