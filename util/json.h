#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace util {

/// Parses strict JSON (UTF-8, no comments); throws Error naming `what` and the position.
nlohmann::json parse_json(std::string_view text, std::string_view what);
/// Compact dump with sorted keys; invalid UTF-8 is replaced.
std::string dump_json(const nlohmann::json& value, int indent = -1);

}  // namespace util
