#pragma once

#include <span>

namespace dockerfile::unicode {

/// First and last code point of a block.
struct Range {
  char32_t first;
  char32_t last;
};

/// Sorted blocks of the letters (categories L*) above ASCII.
std::span<const Range> letter_ranges();
/// Sorted blocks of the decimal digits (category Nd) above ASCII.
std::span<const Range> digit_ranges();

}  // namespace dockerfile::unicode
