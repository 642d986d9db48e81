#pragma once

#include <span>
#include <string>
#include <vector>

namespace builder {

/// A table as docker prints it: columns at least 10 wide, three blanks between them, the last one as it is.
std::string columns(std::span<const std::vector<std::string>> rows);

}  // namespace builder
