#pragma once

#include <string>
#include <string_view>

namespace progress {

/// Colours of the terminal display as parameters of SGR escape sequences; empty = none.
struct TerminalColors {
  std::string run = "34", cancel = "33", warning = "33", error = "31";
};

/// NO_COLOR (https://no-color.org) and BUILDKIT_COLORS: `run=green:error=255,165,0`, with the names of terminal colours (also
/// `lightred`, …) or red, green and blue from 0 to 255. What is malformed is logged and changes nothing.
TerminalColors terminal_colors(std::string_view no_color, std::string_view buildkit_colors);

}  // namespace progress
