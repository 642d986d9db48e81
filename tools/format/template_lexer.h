#pragma once

#include <cstddef>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tools/format/template_tree.h"

namespace builder::format {

/// One word of what is between {{ and }}.
struct Token {
  enum class Kind { identifier, field, dot, variable, literal, open, close, pipe, declare, assign, comma, end };
  Kind kind = Kind::end;
  std::string text;
  std::shared_ptr<const Value> literal;
  bool spaced = true;      ///< white space before it
  std::size_t offset = 0;  ///< bytes from the start of the template
};

/// The tokens of an action's text, the last one of kind `end`. `base`: where it begins in the template. Throws
/// util::Error.
std::vector<Token> tokens_of(std::string_view text, std::size_t base);

bool is_space(char c);

/// "format template: column 3: …".
[[noreturn]] void throw_at(std::size_t offset, const std::string& what);

}  // namespace builder::format
