#include "frontend/dockerfile/syntax_tree.h"

#include <array>

#include "frontend/dockerfile/flags.h"
#include "frontend/dockerfile/heredoc.h"
#include "frontend/dockerfile/json_form.h"
#include "frontend/dockerfile/lexer.h"
#include "frontend/dockerfile/parse_error.h"
#include "frontend/dockerfile/unicode.h"
#include "frontend/dockerfile/words.h"
#include "util/error.h"
#include "util/text.h"

namespace dockerfile {

namespace {

/// How an instruction's arguments are split.
enum class Grammar { words, json_or_words, json_or_text, text, key_values, definitions, health, trigger };

struct InstructionGrammar {
  std::string_view name;
  Grammar grammar;
  bool heredocs = false;
};

constexpr std::array<InstructionGrammar, 18> kGrammars = {{
    {"ADD", Grammar::json_or_words, true},
    {"ARG", Grammar::definitions},
    {"CMD", Grammar::json_or_text},
    {"COPY", Grammar::json_or_words, true},
    {"ENTRYPOINT", Grammar::json_or_text},
    {"ENV", Grammar::key_values},
    {"EXPOSE", Grammar::words},
    {"FROM", Grammar::words},
    {"HEALTHCHECK", Grammar::health},
    {"LABEL", Grammar::key_values},
    {"MAINTAINER", Grammar::text},
    {"ONBUILD", Grammar::trigger},
    {"RUN", Grammar::json_or_text, true},
    {"SHELL", Grammar::json_or_text},
    {"STOPSIGNAL", Grammar::text},
    {"USER", Grammar::text},
    {"VOLUME", Grammar::json_or_words},
    {"WORKDIR", Grammar::text},
}};

const InstructionGrammar* find_grammar(std::string_view name) {
  for (const InstructionGrammar& grammar : kGrammars) {
    if (util::equal_ignoring_case(grammar.name, name)) return &grammar;
  }
  return nullptr;
}

/// ENV and LABEL: `key=value …`, or in the old form `key rest of the line`.
std::vector<std::string> split_key_values(std::string_view text, std::string_view instruction, char escape) {
  std::vector<std::string> words = split_words(text, escape);
  if (words.empty()) return {};
  if (words[0].find('=') == std::string::npos) {
    BlankRun run = find_blanks(text);
    if (run.first == text.size()) throw util::Error(std::string(instruction) + " must have two arguments");
    return {std::string(text.substr(0, run.first)), std::string(text.substr(run.last)), ""};
  }
  std::vector<std::string> triples;
  for (const std::string& word : words) {
    std::size_t equals = word.find('=');
    if (equals == std::string::npos) {
      throw util::Error("syntax error: can't find = in " + util::quote(word) + ", must be of the form: name=value");
    }
    triples.push_back(word.substr(0, equals));
    triples.push_back(word.substr(equals + 1));
    triples.emplace_back("=");
  }
  return triples;
}

void split_json_or(SyntaxNode& node, std::string_view text, bool words) {
  if (auto strings = parse_json_form(text)) {
    node.json = true;
    for (std::string& string : *strings) node.args.push_back(std::move(string));
  } else if (words) {
    node.args = split_blanks(text);
  } else if (!text.empty()) {
    node.args.emplace_back(text);
  }
}

/// HEALTHCHECK: its kind, then a command.
void split_health(SyntaxNode& node, std::string_view text) {
  std::size_t length = 0;
  while (length < text.size() && unicode::space_width(text, length) == 0) ++length;
  if (length == 0) return;
  node.args.emplace_back(text.substr(0, length));
  split_json_or(node, unicode::trim_left(text.substr(length)), false);
}

SyntaxNode parse_line(std::string_view line, char escape, bool nested);

void split_arguments(SyntaxNode& node, const InstructionGrammar& grammar, std::string_view text, char escape,
                     bool nested) {
  switch (grammar.grammar) {
    case Grammar::words:
      node.args = split_blanks(text);
      break;
    case Grammar::json_or_words:
    case Grammar::json_or_text:
      split_json_or(node, text, grammar.grammar == Grammar::json_or_words);
      break;
    case Grammar::text:
      if (!text.empty()) node.args.emplace_back(text);
      break;
    case Grammar::key_values:
      node.args = split_key_values(text, grammar.name, escape);
      break;
    case Grammar::definitions:
      node.args = split_words(text, escape);
      break;
    case Grammar::health:
      split_health(node, text);
      break;
    case Grammar::trigger:
      // One level is all there is: ONBUILD ONBUILD is refused later whatever follows.
      if (text.empty()) break;
      if (nested) {
        node.args.emplace_back(text);
      } else {
        node.trigger.push_back(parse_line(text, escape, true));
      }
      break;
  }
}

SyntaxNode parse_line(std::string_view line, char escape, bool nested) {
  SyntaxNode node;
  node.original = line;
  std::string_view text = unicode::trim(line);
  BlankRun run = find_blanks(text);
  node.name = text.substr(0, run.first);
  FlagSplit split = split_flags(text.substr(run.last));
  node.flags = std::move(split.flags);
  if (const InstructionGrammar* grammar = find_grammar(node.name)) {
    split_arguments(node, *grammar, unicode::trim(split.rest), escape, nested);
  }
  return node;
}

bool may_have_heredocs(const SyntaxNode& node) {
  const SyntaxNode& command = node.trigger.empty() ? node : node.trigger[0];
  const InstructionGrammar* grammar = find_grammar(command.name);
  return grammar != nullptr && grammar->heredocs && !command.json;
}

SyntaxNode parse_instruction(Lexer& lexer, LogicalLine& line) {
  SyntaxNode node = parse_line(line.text, lexer.escape(), false);
  if (may_have_heredocs(node) && line.text.find("<<") != std::string::npos) {
    node.heredocs = heredocs_in_line(line.text);
    lexer.read_heredocs(line, node.heredocs);
  }
  node.comments = std::move(line.comments);
  node.range = line.range;
  node.empty_continuation = line.empty_continuation;
  return node;
}

}  // namespace

SyntaxTree parse_syntax(std::string_view text, llb::SourceRange& position) {
  if (text.empty()) throw util::Error("the dockerfile cannot be empty");
  SyntaxTree tree;
  Lexer lexer(text);
  try {
    while (std::optional<LogicalLine> line = lexer.next()) tree.nodes.push_back(parse_instruction(lexer, *line));
  } catch (const util::Error&) {
    position = lexer.position();
    throw;
  }
  if (tree.nodes.empty()) throw util::Error("file with no instructions");
  tree.directives = lexer.directives();
  tree.escape = lexer.escape();
  return tree;
}

SyntaxTree parse_syntax(std::shared_ptr<const llb::SourceText> source) {
  llb::SourceRange position;
  try {
    return parse_syntax(source->text, position);
  } catch (const util::Error& error) {
    if (!position) throw_parse_error(error, {source, {}});
    throw_parse_error(error, {source, {position}});
  }
}

std::vector<std::string> instruction_names() {
  std::vector<std::string> names;
  for (const InstructionGrammar& grammar : kGrammars) names.emplace_back(grammar.name);
  return names;
}

}  // namespace dockerfile
