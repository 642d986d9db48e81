#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string_view>

namespace util {

/// Parses one YAML document into the values JSON has: mappings with keys that are text, sequences, and scalars by the core
/// schema of YAML 1.2 (null, booleans, whole numbers; anything quoted or else is text). Throws util::Error naming `what` and
/// the line, also for anchors, aliases and several documents, which configuration files of machines do not use.
nlohmann::json parse_yaml(std::string_view text, std::string_view what);

}  // namespace util
