#include "frontend/dockerfile/compile_lint.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/dockerfile/container_path.h"
#include "util/text.h"

namespace dockerfile {
namespace {

std::string near_variable(const std::string& name, const std::vector<std::string>& known) {
  const auto near = util::suggest(name, known);
  return near ? fmt::format(" (did you mean ${}?)", *near) : std::string();
}

}  // namespace

void LintSink::add(std::string_view rule, std::string message, llb::SourceRange range) {
  if (!seen_.emplace(rule, range.first, message).second) return;
  warnings_.push_back(make_warning(rule, std::move(message), range));
}

void LintSink::add(std::string_view rule, std::string message, const Instruction& instruction, llb::SourceRange range) {
  if (!skips_rule(instruction, rule)) add(rule, std::move(message), range);
}

void lint_undefined_variables(LintSink& sink, const Instruction& instruction, llb::SourceRange range,
                              const std::vector<std::string>& undefined, const Environment& environment) {
  if (undefined.empty()) return;
  std::vector<std::string> known;
  for (const auto& [name, value] : environment.items()) known.push_back(name);
  for (const std::string& name : undefined) {
    sink.add("UndefinedVar", fmt::format("`${}` is used but not defined{}", name, near_variable(name, known)),
             instruction, range);
  }
}

bool copies_ignored_file(std::string_view source, const util::PatternMatcher& ignored,
                         const std::vector<std::string>& patterns) {
  if (ignored.empty() || ignored.has_exclusions()) return false;
  const std::string path = join_path("/", source).substr(1);
  if (!path.empty()) return ignored.matches(path);
  // The whole context: a finding only when nothing of it is left.
  return std::any_of(patterns.begin(), patterns.end(),
                     [](const std::string& pattern) { return pattern == "*" || pattern == "**" || pattern == "**/*"; });
}

}  // namespace dockerfile
