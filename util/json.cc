#include "util/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "util/error.h"

namespace util {
namespace {

/// Deeper documents are refused: writing and comparing values recurses.
constexpr int kMaxDepth = 500;

int nesting_depth(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      deepest = std::max(deepest, ++depth);
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return deepest;
}

/// The reason in a message of the parser, without its identifiers and without the position.
std::string reason_of(std::string_view message) {
  std::size_t dash = message.find(" - ");
  if (dash == std::string_view::npos) return "syntax error";
  return std::string(message.substr(dash + 3));
}

}  // namespace

nlohmann::json parse_json(std::string_view text, std::string_view what) {
  if (nesting_depth(text) > kMaxDepth) {
    throw Error(fmt::format("parse {}: nested deeper than {} levels", what, kMaxDepth));
  }
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::parse_error& error) {
    std::size_t offset = std::min(text.size(), error.byte > 0 ? error.byte - 1 : 0);
    std::string_view before = text.substr(0, offset);
    auto line = 1 + std::count(before.begin(), before.end(), '\n');
    std::size_t newline = before.rfind('\n');
    std::size_t column = newline == std::string_view::npos ? offset + 1 : offset - newline;
    throw Error(fmt::format("parse {}: line {}, column {}: {}", what, line, column, reason_of(error.what())));
  } catch (const nlohmann::json::exception& error) {
    // Numbers that do not fit a double.
    throw Error(fmt::format("parse {}: {}", what, error.what()));
  }
}

std::string dump_json(const nlohmann::json& value, int indent) {
  return value.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace util
