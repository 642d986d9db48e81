#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "frontend/dockerfile/warning.h"

namespace dockerfile {

/// The ports of one expanded EXPOSE word: "8000-8002/UDP" -> 8000/udp 8001/udp 8002/udp. Appends ExposeProtoCasing and
/// ExposeInvalidFormat findings (at `range`) to `warnings`. Throws util::Error for a malformed word.
std::vector<std::string> parse_expose(std::string_view word, llb::SourceRange range, std::vector<Warning>& warnings);

}  // namespace dockerfile
