#include "frontend/dockerfile/csv.h"

#include <algorithm>

#include "util/error.h"

namespace dockerfile {

namespace {

/// Reads a quoted field whose opening quote is at `position`.
std::string take_quoted(std::string_view text, std::size_t& position) {
  std::string field;
  for (++position;; ++position) {
    std::size_t quote = text.find('"', position);
    if (quote == std::string_view::npos) throw util::Error("missing closing quote in a comma-separated list");
    field.append(text.substr(position, quote - position));
    position = quote + 1;
    if (position >= text.size() || text[position] != '"') break;
    field.push_back('"');
  }
  bool ended =
      position >= text.size() || text[position] == ',' || text[position] == '\n' || text.substr(position, 2) == "\r\n";
  if (!ended) throw util::Error("text behind a closing quote in a comma-separated list");
  return field;
}

std::string take_plain(std::string_view text, std::size_t& position) {
  std::size_t end = std::min(text.find_first_of(",\n", position), text.size());
  std::string_view field = text.substr(position, end - position);
  position = end;
  if (end < text.size() && text[end] == '\n' && field.ends_with('\r')) field.remove_suffix(1);
  if (field.find('"') != std::string_view::npos) {
    throw util::Error("quote inside an unquoted field of a comma-separated list");
  }
  return std::string(field);
}

}  // namespace

std::vector<std::string> parse_csv_record(std::string_view text) {
  std::size_t position = std::min(text.find_first_not_of("\r\n"), text.size());
  if (position == text.size()) throw util::Error("empty comma-separated list");
  std::vector<std::string> fields;
  for (;; ++position) {
    bool quoted = position < text.size() && text[position] == '"';
    fields.push_back(quoted ? take_quoted(text, position) : take_plain(text, position));
    if (position >= text.size() || text[position] != ',') return fields;
  }
}

}  // namespace dockerfile
