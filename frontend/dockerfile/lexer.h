#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/dockerfile/directives.h"
#include "frontend/dockerfile/instruction.h"
#include "llb/source_map.h"

namespace dockerfile {

/// An instruction's text with its continuations joined and comments dropped.
struct LogicalLine {
  std::string text;
  std::vector<std::string> comments;  ///< directly above, without '#'
  llb::SourceRange range;
  int empty_continuation = 0;  ///< last line, if there was a blank line inside; else 0
};

/// Cuts a Dockerfile into logical lines. Throws util::Error; `position()` then says where.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : rest_(text) {}

  /// The next logical line; nullopt at the end.
  std::optional<LogicalLine> next();

  /// Reads the bodies of the here-documents that `line` opens, in order, and extends its range.
  void read_heredocs(LogicalLine& line, std::vector<Heredoc>& heredocs);

  char escape() const { return escape_; }
  const std::vector<Directive>& directives() const { return directives_; }
  /// Lines of the logical line that was being read.
  llb::SourceRange position() const { return {first_line_, line_}; }

 private:
  bool read_physical(std::string_view& line);
  void note_comment(std::string_view line);
  bool take_directive(std::string_view line);
  bool strip_continuation(std::string_view& line) const;

  std::string_view rest_;
  int line_ = 0;
  int first_line_ = 0;
  char escape_ = '\\';
  DirectiveReader directive_reader_;
  std::vector<Directive> directives_;
  std::vector<std::string> comments_;
};

}  // namespace dockerfile
