#include "tools/progress/terminal_colors.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

#include "util/log.h"
#include "util/text.h"

namespace progress {
namespace {

constexpr std::array<std::string_view, 8> kNames = {"black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"};
constexpr int kForeground = 30, kBrightForeground = 90;

std::optional<std::string> code_of_name(std::string_view name) {
  int base = kForeground;
  if (name.starts_with("light")) {
    base = kBrightForeground;
    name.remove_prefix(5);
  }
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return std::to_string(base + static_cast<int>(i));
  }
  return std::nullopt;
}

/// "255,165,0"
std::optional<std::string> code_of_numbers(std::string_view text) {
  std::string code = "38;2";
  int count = 0;
  for (const std::string& part : util::split(text, ',')) {
    int value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || value < 0 || value > 255) return std::nullopt;
    code += ";" + std::to_string(value);
    ++count;
  }
  return count == 3 ? std::optional(code) : std::nullopt;
}

std::string* member(TerminalColors& colors, std::string_view name) {
  if (name == "run") return &colors.run;
  if (name == "cancel") return &colors.cancel;
  if (name == "warning") return &colors.warning;
  if (name == "error") return &colors.error;
  return nullptr;
}

}  // namespace

TerminalColors terminal_colors(std::string_view no_color, std::string_view buildkit_colors) {
  if (!no_color.empty()) return {"", "", "", ""};
  TerminalColors colors;
  for (const std::string& field : util::split(buildkit_colors, ':')) {
    if (field.empty()) continue;
    const auto equals = field.find('=');
    std::string* color = member(colors, util::to_lower(field.substr(0, equals)));
    const std::string value = equals == std::string::npos ? "" : util::to_lower(field.substr(equals + 1));
    const auto code = value.find(',') == std::string::npos ? code_of_name(value) : code_of_numbers(value);
    if (color != nullptr && code) {
      *color = *code;
    } else {
      util::log_warning(fmt::format("BUILDKIT_COLORS: `{}` is not understood (form: run=green:error=255,165,0)", field));
    }
  }
  return colors;
}

}  // namespace progress
