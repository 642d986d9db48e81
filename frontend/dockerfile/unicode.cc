#include "frontend/dockerfile/unicode.h"

#include <algorithm>

#include "frontend/dockerfile/unicode_table.h"

namespace dockerfile::unicode {

namespace {

constexpr char32_t kInvalidByte = 0x110000;

unsigned char byte_at(std::string_view text, std::size_t position) {
  return static_cast<unsigned char>(text[position]);
}

bool is_continuation(std::string_view text, std::size_t position) {
  return position < text.size() && (byte_at(text, position) & 0xc0) == 0x80;
}

bool contains(std::span<const Range> ranges, char32_t code_point) {
  auto after = std::upper_bound(ranges.begin(), ranges.end(), code_point,
                                [](char32_t value, const Range& range) { return value < range.first; });
  return after != ranges.begin() && code_point <= std::prev(after)->last;
}

bool is_well_formed(char32_t value, std::size_t width) {
  if (value >= 0xd800 && value <= 0xdfff) return false;
  if (width == 2) return value >= 0x80;
  if (width == 3) return value >= 0x800;
  return value >= 0x10000 && value <= 0x10ffff;
}

}  // namespace

CodePoint decode(std::string_view text, std::size_t position) {
  unsigned char lead = byte_at(text, position);
  if (lead < 0x80) return {lead, 1};
  CodePoint invalid{kInvalidByte + lead, 1};
  std::size_t width = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4) return invalid;
  char32_t value = lead & (0xff >> (width + 1));
  for (std::size_t i = 1; i < width; ++i) {
    if (!is_continuation(text, position + i)) return invalid;
    value = (value << 6) | (byte_at(text, position + i) & 0x3f);
  }
  return is_well_formed(value, width) ? CodePoint{value, width} : invalid;
}

bool is_space(char32_t code_point) {
  switch (code_point) {
    case '\t':
    case '\n':
    case '\v':
    case '\f':
    case '\r':
    case ' ':
    case 0x85:
    case 0xa0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202f:
    case 0x205f:
    case 0x3000:
      return true;
    default:
      return code_point >= 0x2000 && code_point <= 0x200a;
  }
}

bool is_letter(char32_t code_point) {
  if (code_point < 0x80) return (code_point | 0x20) >= 'a' && (code_point | 0x20) <= 'z';
  return contains(letter_ranges(), code_point);
}

bool is_digit(char32_t code_point) {
  if (code_point < 0x80) return code_point >= '0' && code_point <= '9';
  return contains(digit_ranges(), code_point);
}

std::size_t space_width(std::string_view text, std::size_t position) {
  if (position >= text.size()) return 0;
  CodePoint point = decode(text, position);
  return is_space(point.value) ? point.width : 0;
}

std::string_view trim_left(std::string_view text) {
  while (std::size_t width = space_width(text, 0)) text.remove_prefix(width);
  return text;
}

std::string_view trim(std::string_view text) {
  text = trim_left(text);
  while (!text.empty()) {
    std::size_t last = text.size() - 1;
    while (last > 0 && text.size() - last < 4 && is_continuation(text, last)) --last;
    CodePoint point = decode(text, last);
    if (last + point.width != text.size() || !is_space(point.value)) break;
    text.remove_suffix(point.width);
  }
  return text;
}

}  // namespace dockerfile::unicode
