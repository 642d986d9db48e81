// Quoting as Go's %q.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "util/text.h"

namespace util {
namespace {

struct Rune {
  std::uint32_t value = 0;
  std::size_t length = 0;  ///< 0 = the bytes are not UTF-8
};

/// The first code point of a text that is not empty.
Rune decode(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned first = byte(0);
  if (first < 0x80) return {first, 1};
  std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return {};
  std::uint32_t value = first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3fU);
  }
  constexpr std::array<std::uint32_t, 5> kSmallest = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return {};
  return {value, length};
}

/// Controls, spaces other than U+0020, format characters, private use and unassigned planes.
bool is_printable(std::uint32_t rune) {
  struct Range {
    std::uint32_t first, last;
  };
  static constexpr std::array<Range, 24> kHidden = {{
      {0x00, 0x1f},         {0x7f, 0xa0},       {0xad, 0xad},       {0x600, 0x605},      {0x61c, 0x61c},
      {0x6dd, 0x6dd},       {0x70f, 0x70f},     {0x1680, 0x1680},   {0x180e, 0x180e},    {0x2000, 0x200f},
      {0x2028, 0x202f},     {0x205f, 0x206f},   {0x3000, 0x3000},   {0xe000, 0xf8ff},    {0xfdd0, 0xfdef},
      {0xfeff, 0xfeff},     {0xfff0, 0xfffb},   {0xfffe, 0xffff},   {0x1fffe, 0x1ffff},  {0x2fffe, 0x2ffff},
      {0x323b0, 0xe00ff},   {0xe01f0, 0xeffff}, {0xf0000, 0xfffff}, {0x100000, 0x10ffff},
  }};
  return std::none_of(kHidden.begin(), kHidden.end(),
                      [&](const Range& range) { return rune >= range.first && rune <= range.last; });
}

std::string escaped(std::uint32_t rune) {
  switch (rune) {
    case '\a': return "\\a";
    case '\b': return "\\b";
    case '\f': return "\\f";
    case '\n': return "\\n";
    case '\r': return "\\r";
    case '\t': return "\\t";
    case '\v': return "\\v";
    default: break;
  }
  if (rune < 0x20 || rune == 0x7f) return fmt::format("\\x{:02x}", rune);
  return rune < 0x10000 ? fmt::format("\\u{:04x}", rune) : fmt::format("\\U{:08x}", rune);
}

}  // namespace

std::string quote(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    Rune rune = decode(text);
    std::size_t length = std::max<std::size_t>(rune.length, 1);
    if (rune.length == 0) {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else if (rune.value == '"' || rune.value == '\\') {
      quoted += '\\';
      quoted += text[0];
    } else if (is_printable(rune.value)) {
      quoted += text.substr(0, length);
    } else {
      quoted += escaped(rune.value);
    }
    text.remove_prefix(length);
  }
  return quoted + "\"";
}

}  // namespace util
