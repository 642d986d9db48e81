#pragma once

#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "frontend/dockerfile/instruction.h"
#include "frontend/dockerfile/lint.h"
#include "frontend/dockerfile/warning.h"
#include "frontend/dockerfile/word_expander.h"
#include "util/pattern.h"

// Lint rules that need more than the text: variables, stage inheritance, images, the ignore file.
namespace dockerfile {

/// Collects findings while a platform is lowered; one of them is kept once.
class LintSink {
 public:
  void add(std::string_view rule, std::string message, llb::SourceRange range);
  /// Not when a comment above the instruction switches the rule off.
  void add(std::string_view rule, std::string message, const Instruction& instruction, llb::SourceRange range);
  std::vector<Warning> take() { return std::move(warnings_); }

 private:
  std::vector<Warning> warnings_;
  std::set<std::tuple<std::string, int, std::string>> seen_;
};

/// UndefinedVar: names used but neither defined nor declared.
void lint_undefined_variables(LintSink& sink, const Instruction& instruction, llb::SourceRange range,
                              const std::vector<std::string>& undefined, const Environment& environment);

/// CopyIgnoredFile for one source of a COPY or ADD from the main context. `patterns` are those of `ignored`.
bool copies_ignored_file(std::string_view source, const util::PatternMatcher& ignored,
                         const std::vector<std::string>& patterns);

}  // namespace dockerfile
