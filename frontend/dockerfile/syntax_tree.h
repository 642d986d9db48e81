#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/dockerfile/directives.h"
#include "frontend/dockerfile/instruction.h"
#include "llb/source_map.h"

// What a Dockerfile says before anybody asks what it means: per logical line the instruction's word, its flags, and its
// arguments split as the grammar of that instruction wants.
namespace dockerfile {

struct SyntaxNode {
  std::string name;                ///< as written; any word, known or not
  std::vector<std::string> flags;  ///< "--name[=value]", quotes and escapes processed
  /// Words with their quotes; one element for shell forms; for ENV and LABEL triples of key, value and "=" (or "" in
  /// the old form); for ONBUILD empty, see `trigger`; of an unknown instruction always empty.
  std::vector<std::string> args;
  bool json = false;                  ///< args came from a JSON array
  std::string original;               ///< the logical line, continuations joined
  std::vector<Heredoc> heredocs;      ///< content as in the file, tabs of `<<-` still there
  std::vector<SyntaxNode> trigger;    ///< ONBUILD: its instruction
  std::vector<std::string> comments;  ///< comment lines directly above, without '#'
  llb::SourceRange range;
  int empty_continuation = 0;  ///< line to blame for blank lines inside a continuation; 0 = none
};

struct SyntaxTree {
  std::vector<SyntaxNode> nodes;      ///< never empty
  std::vector<Directive> directives;  ///< as the parser saw them
  char escape = '\\';
};

/// Throws ParseError for what is wrong with the text already at this level.
SyntaxTree parse_syntax(std::shared_ptr<const llb::SourceText> source);

/// The same for a text without a name: throws util::Error and leaves in `position` the lines it is about.
SyntaxTree parse_syntax(std::string_view text, llb::SourceRange& position);

/// Words that begin an instruction, upper case.
std::vector<std::string> instruction_names();

}  // namespace dockerfile
