#include "frontend/dockerfile/directives.h"

#include <nlohmann/json.hpp>

#include "frontend/dockerfile/unicode.h"
#include "util/error.h"
#include "util/text.h"

namespace dockerfile {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kKeySpaces = "\t\n\f\r ";

bool is_key_character(char c, bool first) {
  bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (!first && c >= '0' && c <= '9');
}

std::string_view trim_key_spaces(std::string_view text) {
  std::size_t first = text.find_first_not_of(kKeySpaces);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kKeySpaces) - first + 1);
}

/// "key = value" into a directive without line; nullopt when the text has another form.
std::optional<Directive> parse_assignment(std::string_view text) {
  text = unicode::trim_left(text);
  std::size_t length = 0;
  while (length < text.size() && is_key_character(text[length], length == 0)) ++length;
  std::string_view rest = trim_key_spaces(text.substr(length));
  if (length == 0 || !rest.starts_with('=')) return std::nullopt;
  std::string_view value = trim_key_spaces(rest.substr(1));
  if (value.empty()) return std::nullopt;
  Directive directive;
  directive.name = util::to_lower(text.substr(0, length));
  directive.full = value;
  directive.value = value.substr(0, value.find(' '));
  return directive;
}

std::string_view without_line_end(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::optional<Directive> scan(std::string_view text, std::string_view name, std::string_view comment, int line) {
  DirectiveReader reader(comment, line);
  while (!text.empty() && !reader.done()) {
    std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    std::optional<Directive> directive;
    try {
      directive = reader.read(without_line_end(text.substr(0, end)));
    } catch (const util::Error&) {
      return std::nullopt;  // The parser reports it.
    }
    if (directive && directive->name == name) return directive;
    text.remove_prefix(end);
  }
  return std::nullopt;
}

/// Text behind a byte order mark and a `#!` line; `lines` counts the latter.
std::string_view skip_head(std::string_view text, int& lines) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (!text.starts_with("#!")) return text;
  lines = 1;
  std::size_t end = text.find('\n');
  return end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
}

std::optional<Directive> find_json_syntax(std::string_view text) {
  // Only an object can hold the key; all else is not worth a parser's time.
  if (!unicode::trim_left(text).starts_with('{')) return std::nullopt;
  nlohmann::json object = nlohmann::json::parse(text, nullptr, false);
  if (!object.is_object()) return std::nullopt;
  auto syntax = object.find("syntax");
  if (syntax == object.end() || !syntax->is_string()) return std::nullopt;
  Directive directive;
  directive.name = "syntax";
  directive.value = directive.full = syntax->get<std::string>();
  return directive;
}

}  // namespace

std::optional<Directive> DirectiveReader::read(std::string_view line) {
  ++line_;
  if (done_) return std::nullopt;
  std::optional<Directive> directive;
  if (line.starts_with(comment_)) directive = parse_assignment(line.substr(comment_.size()));
  if (!directive || (directive->name != "syntax" && directive->name != "check" && directive->name != "escape")) {
    done_ = true;
    return std::nullopt;
  }
  if (!seen_.insert(directive->name).second) {
    throw util::Error("only one " + directive->name + " parser directive can be used");
  }
  directive->line = line_;
  return directive;
}

std::optional<Directive> find_syntax(std::string_view text) {
  int lines = 0;
  text = skip_head(text, lines);
  for (std::string_view comment : {"#", "//"}) {
    if (auto found = scan(text, "syntax", comment, lines)) return found;
  }
  return find_json_syntax(text);
}

std::optional<Directive> find_check(std::string_view text) {
  int lines = 0;
  text = skip_head(text, lines);
  return scan(text, "check", "#", lines);
}

}  // namespace dockerfile
