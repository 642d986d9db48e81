#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace util {

/// One code point at the front of a text.
struct Rune {
  char32_t value = U'\uFFFD';
  std::size_t length = 1;  ///< bytes taken; 1 for a byte that is not UTF-8
  bool valid = false;
};

/// Decodes the front of `text`, which must not be empty. Overlong forms, surrogates and numbers past
/// U+10FFFF are invalid: one byte, standing for U+FFFD.
Rune decode_rune(std::string_view text) noexcept;

bool is_utf8(std::string_view text) noexcept;
/// The text with every invalid byte replaced by U+FFFD.
std::string to_valid_utf8(std::string_view text);

}  // namespace util
