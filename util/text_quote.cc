// Quoting as Go's %q.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "util/text.h"
#include "util/utf8.h"

namespace util {
namespace {

/// Controls, spaces other than U+0020, format characters, private use and unassigned planes.
bool is_printable(char32_t rune) {
  struct Range {
    char32_t first, last;
  };
  static constexpr std::array<Range, 24> kHidden = {{
      {0x00, 0x1f},       {0x7f, 0xa0},       {0xad, 0xad},       {0x600, 0x605},       {0x61c, 0x61c},
      {0x6dd, 0x6dd},     {0x70f, 0x70f},     {0x1680, 0x1680},   {0x180e, 0x180e},     {0x2000, 0x200f},
      {0x2028, 0x202f},   {0x205f, 0x206f},   {0x3000, 0x3000},   {0xe000, 0xf8ff},     {0xfdd0, 0xfdef},
      {0xfeff, 0xfeff},   {0xfff0, 0xfffb},   {0xfffe, 0xffff},   {0x1fffe, 0x1ffff},   {0x2fffe, 0x2ffff},
      {0x323b0, 0xe00ff}, {0xe01f0, 0xeffff}, {0xf0000, 0xfffff}, {0x100000, 0x10ffff},
  }};
  return std::none_of(kHidden.begin(), kHidden.end(),
                      [&](const Range& range) { return rune >= range.first && rune <= range.last; });
}

std::string escaped(char32_t rune) {
  switch (rune) {
    case '\a':
      return "\\a";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    case '\v':
      return "\\v";
    default:
      break;
  }
  if (rune < 0x20 || rune == 0x7f) return fmt::format("\\x{:02x}", static_cast<unsigned>(rune));
  return rune < 0x10000 ? fmt::format("\\u{:04x}", static_cast<unsigned>(rune))
                        : fmt::format("\\U{:08x}", static_cast<unsigned>(rune));
}

}  // namespace

std::string quote(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    Rune rune = decode_rune(text);
    if (!rune.valid) {
      quoted += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else if (rune.value == '"' || rune.value == '\\') {
      quoted += '\\';
      quoted += text[0];
    } else if (is_printable(rune.value)) {
      quoted += text.substr(0, rune.length);
    } else {
      quoted += escaped(rune.value);
    }
    text.remove_prefix(rune.length);
  }
  return quoted + "\"";
}

}  // namespace util
