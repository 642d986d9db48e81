#pragma once

#include <string_view>

namespace util {

/// Diagnostics for developers, on standard error behind `--debug` (spdlog underneath). Never secrets.
void set_debug_logging(bool on);
void log_debug(std::string_view message);
void log_warning(std::string_view message);

}  // namespace util
