#pragma once

#include <cstddef>
#include <string_view>

// The little of Unicode that the Dockerfile grammar needs: white space around words, letters in variable names.
namespace dockerfile::unicode {

/// One code point of a text. A byte that is not part of valid UTF-8 is a code point of its own, above the Unicode
/// range.
struct CodePoint {
  char32_t value = 0;
  std::size_t width = 1;  ///< bytes
};

/// The code point that begins at `position` (inside the text).
CodePoint decode(std::string_view text, std::size_t position);

bool is_space(char32_t code_point);
bool is_letter(char32_t code_point);
bool is_digit(char32_t code_point);

/// Width in bytes of the white space character at `position`; 0 when there is none, or at the end.
std::size_t space_width(std::string_view text, std::size_t position);

std::string_view trim_left(std::string_view text);
std::string_view trim(std::string_view text);

}  // namespace dockerfile::unicode
