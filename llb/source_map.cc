#include "llb/source_map.h"

#include <fmt/format.h>

#include <algorithm>

namespace llb {
namespace {

constexpr std::string_view kRule = "--------------------\n";

/// What follows the last line feed is a line too, as in BuildKit: an empty one, mostly.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (;;) {
    const auto end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

/// A generated line can be longer than any terminal is high.
std::string clipped(std::string_view line) {
  constexpr std::size_t kLongest = 500;
  if (line.size() <= kLongest) return std::string(line);
  std::size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80U) --end;
  return std::string(line.substr(0, end)) + "…";
}

}  // namespace

std::string excerpt(const SourceText& source, const std::vector<SourceRange>& ranges) {
  const std::vector<std::string_view> lines = lines_of(source.text);
  const int count = static_cast<int>(lines.size());
  std::string result;
  for (const SourceRange& range : ranges) {
    if (!range || range.first > count) continue;
    const int last = std::clamp(range.last, range.first, count);
    const int context = range.first == last ? 2 : 1;
    result += fmt::format("{}:{}\n", source.name, range.first);
    result += kRule;
    for (int line = std::max(1, range.first - context); line <= std::min(count, last + context); ++line) {
      const bool failing = line >= range.first && line <= last;
      const std::string text = clipped(lines[static_cast<std::size_t>(line) - 1]);
      result += fmt::format(" {:3} | {} {}\n", line, failing ? ">>>" : "   ", text);
    }
    result += kRule;
  }
  return result;
}

}  // namespace llb
