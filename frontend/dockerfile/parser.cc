#include "frontend/dockerfile/parser.h"

#include "frontend/dockerfile/directives.h"
#include "frontend/dockerfile/lint.h"
#include "frontend/dockerfile/parse_error.h"
#include "frontend/dockerfile/parse_instruction.h"
#include "frontend/dockerfile/syntax_tree.h"

namespace dockerfile {

namespace {

void add_node(Dockerfile& dockerfile, const SyntaxNode& node) {
  Instruction instruction = parse_instruction(node);
  if (const auto* from = std::get_if<FromInstruction>(&instruction.value)) {
    Stage stage;
    stage.comment = find_description(node.comments, from->stage_name);
    stage.from = std::move(instruction);
    dockerfile.stages.push_back(std::move(stage));
  } else if (!dockerfile.stages.empty()) {
    dockerfile.stages.back().instructions.push_back(std::move(instruction));
  } else if (std::holds_alternative<ArgInstruction>(instruction.value)) {
    dockerfile.global_args.push_back(std::move(instruction));
  } else {
    throw util::Error("no build stage in current context", "begin with FROM; only ARG may stand before it");
  }
}

/// Experimental findings stay only if the file's own directive asks for them; what it skips is for the caller to drop,
/// who knows whether a build argument replaces the directive.
bool wanted(const Warning& warning, const LintOptions& options) {
  for (const LintRule& rule : lint_rules()) {
    if (rule.name == warning.rule) return !rule.experimental || options.enabled(rule);
  }
  return true;
}

void report(const Dockerfile& dockerfile, const SyntaxTree& tree, std::vector<Warning>& warnings) {
  LintOptions options;
  try {
    options = parse_lint_options(dockerfile.check);
  } catch (const util::Error&) {
    // A bad directive is the caller's to report, too: a build argument may replace it.
  }
  for (Warning& warning : lint(dockerfile, tree)) {
    if (wanted(warning, options)) warnings.push_back(std::move(warning));
  }
}

}  // namespace

Dockerfile parse(std::shared_ptr<const llb::SourceText> source, std::vector<Warning>& warnings) {
  SyntaxTree tree = parse_syntax(source);
  Dockerfile dockerfile;
  dockerfile.source = source;
  dockerfile.escape = tree.escape;
  if (auto syntax = find_syntax(source->text)) dockerfile.syntax = syntax->value;
  if (auto check = find_check(source->text)) dockerfile.check = check->value;
  for (const SyntaxNode& node : tree.nodes) {
    try {
      add_node(dockerfile, node);
    } catch (const util::Error& error) {
      report(dockerfile, tree, warnings);
      throw_parse_error(error, {source, {node.range}});
    }
  }
  report(dockerfile, tree, warnings);
  if (dockerfile.stages.empty()) {
    throw ParseError("dockerfile contains no stages to build", {source, {}}, "a stage begins with FROM");
  }
  return dockerfile;
}

Instruction parse_trigger(std::string_view text, const llb::SourceLocation& location) {
  try {
    llb::SourceRange ignored;
    SyntaxTree tree = parse_syntax(text, ignored);
    if (tree.nodes.size() != 1) throw util::Error("onbuild trigger should be a single expression");
    Instruction instruction = parse_instruction(tree.nodes[0]);
    if (instruction.name == "FROM" || instruction.name == "MAINTAINER" || instruction.name == "ONBUILD") {
      throw util::Error(instruction.name + " isn't allowed as an ONBUILD trigger");
    }
    instruction.range = location.ranges.empty() ? llb::SourceRange{} : location.ranges[0];
    return instruction;
  } catch (util::Error& error) {
    error.add_context("ONBUILD trigger `" + std::string(text.substr(0, 200)) + "`");
    throw_parse_error(error, location);
  }
}

}  // namespace dockerfile
