#include "frontend/dockerfile/lexer.h"

#include <algorithm>

#include "frontend/dockerfile/unicode.h"
#include "util/error.h"

namespace dockerfile {

namespace {

/// Bytes of a physical line, without its end, that are too many.
constexpr std::size_t kLineLimit = 64 * 1024;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

std::string_view without_line_end(std::string_view line) {
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

bool is_comment(std::string_view line) {
  return unicode::trim_left(line).starts_with('#');
}

}  // namespace

/// The next line with its line end.
bool Lexer::read_physical(std::string_view& line) {
  if (rest_.empty()) return false;
  std::size_t length = std::min(rest_.find('\n'), rest_.size());
  ++line_;
  if (length >= kLineLimit) {
    throw util::Error("dockerfile line greater than max allowed size of " + std::to_string(kLineLimit - 1));
  }
  line = rest_.substr(0, length + 1);
  rest_.remove_prefix(line.size());
  if (line_ == 1 && line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  return true;
}

void Lexer::note_comment(std::string_view line) {
  std::string_view comment = unicode::trim(unicode::trim_left(line).substr(1));
  if (comment.empty()) {
    comments_.clear();
  } else {
    comments_.emplace_back(comment);
  }
}

bool Lexer::take_directive(std::string_view line) {
  std::optional<Directive> directive = directive_reader_.read(line);
  if (!directive) return false;
  if (directive->name == "escape") {
    if (directive->full != "`" && directive->full != "\\") {
      throw util::Error("invalid escape token `" + directive->full + "`: must be ` or \\");
    }
    escape_ = directive->full[0];
  }
  directives_.push_back(std::move(*directive));
  return true;
}

/// Removes an escape character that only blanks follow; two in a row do not continue the line.
bool Lexer::strip_continuation(std::string_view& line) const {
  std::size_t last = line.find_last_not_of(" \t");
  if (last == std::string_view::npos || line[last] != escape_) return false;
  if (last > 0 && line[last - 1] == escape_) return false;
  line = line.substr(0, last);
  return true;
}

std::optional<LogicalLine> Lexer::next() {
  std::string_view physical;
  for (first_line_ = line_ + 1; read_physical(physical); first_line_ = line_ + 1) {
    std::string_view line = unicode::trim_left(without_line_end(physical));
    bool directive = !directive_reader_.done() && take_directive(line);
    if (directive) continue;
    if (line.starts_with('#')) {
      note_comment(line);
      continue;
    }
    bool continued = strip_continuation(line);
    if (!continued && line.empty()) continue;
    LogicalLine result;
    result.text = line;
    bool blank_inside = false;
    while (continued && read_physical(physical)) {
      line = without_line_end(physical);
      if (is_comment(line)) continue;
      if (unicode::trim_left(line).empty()) {
        blank_inside = true;
        continue;
      }
      continued = strip_continuation(line);
      result.text.append(line);
    }
    result.range = {first_line_, line_};
    if (blank_inside) result.empty_continuation = line_;
    result.comments = std::move(comments_);
    comments_.clear();
    return result;
  }
  return std::nullopt;
}

void Lexer::read_heredocs(LogicalLine& line, std::vector<Heredoc>& heredocs) {
  for (Heredoc& heredoc : heredocs) {
    std::string_view physical;
    bool terminated = false;
    const char* first = rest_.data();
    std::size_t length = 0;
    while (!terminated && read_physical(physical)) {
      std::string_view candidate = without_line_end(physical);
      if (heredoc.chomp) candidate.remove_prefix(std::min(candidate.find_first_not_of('\t'), candidate.size()));
      terminated = candidate == heredoc.name;
      if (!terminated) length += physical.size();
    }
    if (!terminated) {
      throw util::Error("unterminated heredoc: no line is just `" + heredoc.name + "`",
                        "the line that ends it must hold nothing else, not even blanks");
    }
    heredoc.content.assign(first, length);
  }
  line.range.last = line_;
}

}  // namespace dockerfile
