#include "frontend/dockerfile/parse_instruction.h"

#include <algorithm>
#include <array>

#include "frontend/dockerfile/flags.h"
#include "frontend/dockerfile/heredoc.h"
#include "frontend/dockerfile/lint.h"
#include "frontend/dockerfile/suggestion.h"
#include "frontend/dockerfile/unicode.h"
#include "util/error.h"
#include "util/text.h"

namespace dockerfile {

namespace {

void refuse_flags(const SyntaxNode& node) {
  FlagSet().parse(node.flags);
}

void require_argument(const SyntaxNode& node, std::string_view name) {
  if (node.args.empty()) throw util::Error(std::string(name) + " requires at least one argument");
}

std::string single_argument(const SyntaxNode& node, std::string_view name) {
  if (node.args.size() != 1) throw util::Error(std::string(name) + " requires exactly one argument");
  return node.args[0];
}

std::vector<KeyValue> parse_key_values(const SyntaxNode& node, std::string_view name) {
  refuse_flags(node);
  require_argument(node, name);
  std::vector<KeyValue> pairs;
  for (std::size_t i = 0; i + 2 < node.args.size(); i += 3) {
    if (node.args[i].empty()) throw util::Error(std::string(name) + " names can not be blank");
    pairs.push_back({node.args[i], node.args[i + 1], node.args[i + 2].empty()});
  }
  return pairs;
}

InstructionValue parse_env(const SyntaxNode& node) {
  return EnvInstruction{parse_key_values(node, "ENV")};
}

InstructionValue parse_label(const SyntaxNode& node) {
  return LabelInstruction{parse_key_values(node, "LABEL")};
}

// Flags of ARG, STOPSIGNAL and HEALTHCHECK NONE are not looked at (FEATURES.md D11).
InstructionValue parse_arg(const SyntaxNode& node) {
  require_argument(node, "ARG");
  ArgInstruction arg;
  for (const std::string& word : node.args) {
    ArgInstruction::Item item;
    std::size_t equals = word.find('=');
    item.name = word.substr(0, equals);
    if (equals != std::string::npos) item.default_value = word.substr(equals + 1);
    if (item.name.empty()) throw util::Error("ARG names can not be blank");
    item.comment = find_description(node.comments, item.name);
    arg.items.push_back(std::move(item));
  }
  return arg;
}

InstructionValue parse_workdir(const SyntaxNode& node) {
  std::string path = single_argument(node, "WORKDIR");
  refuse_flags(node);
  return WorkdirInstruction{path};
}

InstructionValue parse_user(const SyntaxNode& node) {
  std::string user = single_argument(node, "USER");
  refuse_flags(node);
  return UserInstruction{user};
}

InstructionValue parse_maintainer(const SyntaxNode& node) {
  std::string author = single_argument(node, "MAINTAINER");
  refuse_flags(node);
  return MaintainerInstruction{author};
}

InstructionValue parse_stop_signal(const SyntaxNode& node) {
  return StopSignalInstruction{single_argument(node, "STOPSIGNAL")};
}

InstructionValue parse_cmd(const SyntaxNode& node) {
  refuse_flags(node);
  return CmdInstruction{parse_command(node)};
}

InstructionValue parse_entrypoint(const SyntaxNode& node) {
  refuse_flags(node);
  return EntrypointInstruction{parse_command(node)};
}

InstructionValue parse_shell(const SyntaxNode& node) {
  refuse_flags(node);
  require_argument(node, "SHELL");
  if (!node.json) {
    throw util::Error("SHELL requires the arguments to be in JSON form", R"(for example SHELL ["/bin/sh", "-c"])");
  }
  return ShellInstruction{node.args};
}

InstructionValue parse_expose(const SyntaxNode& node) {
  require_argument(node, "EXPOSE");
  refuse_flags(node);
  ExposeInstruction expose{node.args};
  std::sort(expose.ports.begin(), expose.ports.end());
  return expose;
}

InstructionValue parse_volume(const SyntaxNode& node) {
  require_argument(node, "VOLUME");
  refuse_flags(node);
  VolumeInstruction volume;
  for (const std::string& word : node.args) {
    std::string_view path = unicode::trim(word);
    if (path.empty()) throw util::Error("VOLUME specified can not be an empty string");
    volume.paths.emplace_back(path);
  }
  return volume;
}

struct Parser {
  std::string_view name;
  InstructionValue (*parse)(const SyntaxNode&);
};

constexpr std::array<Parser, 18> kParsers = {{
    {"ADD", parse_add},
    {"ARG", parse_arg},
    {"CMD", parse_cmd},
    {"COPY", parse_copy},
    {"ENTRYPOINT", parse_entrypoint},
    {"ENV", parse_env},
    {"EXPOSE", parse_expose},
    {"FROM", parse_from},
    {"HEALTHCHECK", parse_healthcheck},
    {"LABEL", parse_label},
    {"MAINTAINER", parse_maintainer},
    {"ONBUILD", parse_onbuild},
    {"RUN", parse_run},
    {"SHELL", parse_shell},
    {"STOPSIGNAL", parse_stop_signal},
    {"USER", parse_user},
    {"VOLUME", parse_volume},
    {"WORKDIR", parse_workdir},
}};

[[noreturn]] void throw_unknown(const std::string& name) {
  std::vector<std::string> known = instruction_names();
  if (name == util::to_lower(name)) {
    for (std::string& word : known) word = util::to_lower(word);
  }
  throw util::Error("unknown instruction: " + name + suggestion_text(name, known));
}

/// Rules that `# check=skip=…` comments above an instruction switch off.
std::vector<std::string> find_skipped_rules(const std::vector<std::string>& comments) {
  std::vector<std::string> rules;
  for (const std::string& comment : comments) {
    std::optional<Directive> directive = DirectiveReader().read("#" + comment);
    if (!directive || directive->name != "check") continue;
    try {
      LintOptions options = parse_lint_options(directive->value);
      if (options.skip_all) rules.emplace_back("all");
      rules.insert(rules.end(), options.skip.begin(), options.skip.end());
    } catch (const util::Error&) {
      // An ordinary comment that looks like a directive.
    }
  }
  return rules;
}

}  // namespace

std::string find_description(const std::vector<std::string>& comments, std::string_view name) {
  if (name.empty()) return {};
  std::string start = std::string(name) + " ";
  for (const std::string& comment : comments) {
    if (comment.starts_with(start)) return comment.substr(start.size());
  }
  return {};
}

CommandLine parse_command(const SyntaxNode& node) {
  CommandLine command;
  command.exec_form = node.json;
  command.args = node.args;
  if (!command.exec_form && command.args.empty()) command.args.emplace_back();
  if (node.heredocs.empty()) return command;
  command.original_with_heredocs = command.args[0];
  for (const Heredoc& heredoc : node.heredocs) {
    command.original_with_heredocs += "\n" + heredoc.content + heredoc.name;
    command.heredocs.push_back(heredoc);
    if (heredoc.chomp) command.heredocs.back().content = strip_leading_tabs(heredoc.content);
  }
  return command;
}

Instruction parse_instruction(const SyntaxNode& node) {
  auto parser = std::find_if(kParsers.begin(), kParsers.end(), [&](const Parser& candidate) {
    return util::equal_ignoring_case(candidate.name, node.name);
  });
  if (parser == kParsers.end()) throw_unknown(node.name);
  Instruction instruction;
  instruction.value = parser->parse(node);
  instruction.name = parser->name;
  instruction.name_text = node.name;
  instruction.original = unicode::trim(node.original);
  instruction.range = node.range;
  instruction.skip_checks = find_skipped_rules(node.comments);
  return instruction;
}

}  // namespace dockerfile
