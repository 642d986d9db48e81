#include "frontend/dockerfile/chmod.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "util/error.h"
#include "util/text.h"

namespace dockerfile {
namespace {

constexpr unsigned kHighestMode = 07777;

/// Skips the characters of `set`; whether there was any.
bool skip(std::string_view& text, std::string_view set) {
  const auto end = std::min(text.find_first_not_of(set), text.size());
  text.remove_prefix(end);
  return end > 0;
}

/// One clause: [ugoa]* then one or more of [-+=] with permissions or one class to copy from.
bool is_clause(std::string_view text) {
  skip(text, "ugoa");
  if (text.empty()) return false;
  while (!text.empty()) {
    if (text.find_first_of("-+=") != 0) return false;
    text.remove_prefix(1);
    if (!text.empty() && text.find_first_of("ugo") == 0) {
      text.remove_prefix(1);
    } else {
      skip(text, "rwxXst");
    }
  }
  return true;
}

bool is_symbolic(std::string_view text) {
  for (const std::string& clause : util::split(text, ',')) {
    if (!is_clause(clause)) return false;
  }
  return true;
}

bool is_octal(std::string_view text) {
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  return error == std::errc() && end == text.data() + text.size() && mode <= kHighestMode;
}

}  // namespace

void check_chmod(std::string_view text) {
  if (is_octal(text) || is_symbolic(text)) return;
  throw util::Error(fmt::format("--chmod `{}`: not a mode", text),
                    "give octal digits between 0 and 07777, or a symbolic mode such as u=rwX,go=rX");
}

}  // namespace dockerfile
