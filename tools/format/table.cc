#include "tools/format/table.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/format/template.h"
#include "util/text.h"

namespace builder::format {
namespace {

constexpr std::size_t kLeastWidth = 10;
constexpr std::size_t kGap = 3;

std::size_t letters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string strip_table(std::string_view format) {
  return std::string(util::trim(format.substr(std::string_view("table").size())));
}

}  // namespace

std::string align_columns(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  std::vector<std::vector<std::string>> lines;
  std::vector<std::size_t> widths;
  for (const std::string& line : util::split(text, '\n')) {
    lines.push_back(util::split(line, '\t'));
    for (std::size_t i = 0; i + 1 < lines.back().size(); ++i) {
      if (widths.size() <= i) widths.resize(i + 1, kLeastWidth);
      widths[i] = std::max(widths[i], letters(lines.back()[i]) + kGap);
    }
  }
  std::string aligned;
  for (const std::vector<std::string>& cells : lines) {
    for (std::size_t i = 0; i != cells.size(); ++i) {
      aligned += cells[i];
      if (i + 1 < cells.size()) aligned.append(widths[i] - letters(cells[i]), ' ');
    }
    aligned += '\n';
  }
  return aligned;
}

std::string align_columns(std::span<const std::vector<std::string>> rows) {
  std::string text;
  for (const std::vector<std::string>& row : rows) text += util::join(row, "\t") + '\n';
  return align_columns(text);
}

std::string format_rows(std::string_view format, std::string_view standard,
                        const std::map<std::string, std::string>& headings,
                        std::span<const nlohmann::ordered_json> rows) {
  std::string text(util::trim(format));
  if (text.empty() || text == "table") text = standard;
  if (text == "json") text = "{{json .}}";
  const bool table = text.starts_with("table");
  if (table) text = strip_table(text);
  text = util::replace_all(util::replace_all(text, "\\t", "\t"), "\\n", "\n");
  const Template parsed(text);
  std::string made;
  if (table) made += parsed.headings(headings) + "\n";
  for (const nlohmann::ordered_json& row : rows) made += parsed.execute(row) + "\n";
  return table ? align_columns(made) : made;
}

std::string shorten(std::string_view text, std::size_t limit) {
  if (letters(text) <= limit) return std::string(text);
  std::size_t at = 0;
  for (std::size_t count = 0; at < text.size(); ++at) {
    if ((text[at] & 0xC0) == 0x80) continue;
    if (++count == limit) break;
  }
  return std::string(text.substr(0, at)) + "…";
}

}  // namespace builder::format
