#include <algorithm>
#include <functional>
#include <map>

#include "frontend/dockerfile/lint.h"
#include "oci/platform.h"
#include "util/error.h"
#include "util/text.h"

// The rules that look at instructions as they are written.
namespace dockerfile {

namespace {

struct Findings {
  std::vector<Warning> warnings;
  std::map<int, const Instruction*> by_line;

  void add(std::string_view rule, const Instruction& at, std::string message) {
    if (!skips_rule(at, rule)) warnings.push_back(make_warning(rule, std::move(message), at.range));
  }

  /// About a node of the syntax tree; its instruction may switch the rule off.
  void add(std::string_view rule, const SyntaxNode& node, std::string message, llb::SourceRange range) {
    auto instruction = by_line.find(node.range.first);
    if (instruction != by_line.end() && skips_rule(*instruction->second, rule)) return;
    warnings.push_back(make_warning(rule, std::move(message), range));
  }
};

bool is_lower(std::string_view text) {
  return util::to_lower(text) == text;
}
bool is_upper(std::string_view text) {
  return util::to_upper(text) == text;
}

void check_from_casing(const Instruction& at, const FromInstruction& from, Findings& findings) {
  if (from.stage_name_text.empty()) return;
  if (!is_lower(from.stage_name_text)) {
    findings.add("StageNameCasing", at, "stage name `" + from.stage_name_text + "` should be lower case");
  }
  bool mixed = !is_lower(at.name_text) && !is_upper(at.name_text);
  bool same = is_lower(at.name_text) ? is_lower(from.as_text) : is_upper(from.as_text);
  if (!mixed && !same) {
    findings.add("FromAsCasing", at, "`" + from.as_text + "` and `" + at.name_text + "` are not in the same case");
  }
}

void check_reserved_name(const Instruction& at, const FromInstruction& from, Findings& findings) {
  if (from.stage_name != "scratch" && from.stage_name != "context") return;
  findings.add("ReservedStageName", at, "stage name `" + from.stage_name + "` has a meaning of its own");
}

void check_from_platform(const Instruction& at, const FromInstruction& from, Findings& findings) {
  if (from.platform == "$TARGETPLATFORM" || from.platform == "${TARGETPLATFORM}") {
    findings.add("RedundantTargetPlatform", at,
                 "platform `" + from.platform + "` in FROM is the default and need not be given");
  }
  if (from.platform.empty() || from.platform.find('$') != std::string::npos) return;
  try {
    oci::Platform platform = oci::Platform::parse(from.platform);
    bool named = from.stage_name.find(platform.os) != std::string::npos ||
                 from.stage_name.find(platform.architecture) != std::string::npos;
    if (named) return;
  } catch (const util::Error&) {
    return;  // Fails later, with a better message.
  }
  findings.add("FromPlatformFlagConstDisallowed", at,
               "FROM --platform should not use the constant `" + from.platform + "`");
}

/// Is one of the words that `_` separates secret, and none harmless?
bool looks_secret(std::string_view key) {
  constexpr std::string_view kSecret[] = {"apikey",   "auth",  "credential", "credentials", "key",
                                          "password", "pword", "passwd",     "secret",      "token"};
  constexpr std::string_view kHarmless[] = {"public", "file", "version"};
  bool secret = false;
  for (const std::string& word : util::split(util::to_lower(key), '_')) {
    if (std::find(std::begin(kHarmless), std::end(kHarmless), word) != std::end(kHarmless)) return false;
    secret = secret || std::find(std::begin(kSecret), std::end(kSecret), word) != std::end(kSecret);
  }
  return secret;
}

void check_secret(const Instruction& at, const std::string& key, Findings& findings) {
  if (!looks_secret(key)) return;
  findings.add("SecretsUsedInArgOrEnv", at,
               "do not use ARG or ENV for sensitive data (" + at.name + " " + util::quote(key) + ")");
}

void check_legacy_form(const Instruction& at, const std::vector<KeyValue>& pairs, Findings& findings) {
  bool legacy = std::any_of(pairs.begin(), pairs.end(), [](const KeyValue& pair) { return pair.legacy_form; });
  if (!legacy) return;
  findings.add("LegacyKeyValueFormat", at,
               "use \"" + at.name + " key=value\" instead of \"" + at.name + " key value\"");
}

bool names_directory(std::string_view destination) {
  return destination == "." || destination == ".." || destination.ends_with('/') || destination.ends_with("/.") ||
         destination.ends_with("/..");
}

void check_copy_destination(const Instruction& at, const CopyInstruction& copy, Findings& findings) {
  bool several = copy.sources.size() + copy.heredocs.size() > 1;
  bool variable = copy.destination.find('$') != std::string::npos;
  if (!several || variable || copy.destination.empty() || names_directory(copy.destination)) return;
  findings.add("CopySourcesNeedSlash", at,
               "destination `" + copy.destination + "` of several sources should end with a slash");
}

void check_instruction(const Instruction& at, Findings& findings) {
  if (const auto* from = std::get_if<FromInstruction>(&at.value)) {
    check_from_casing(at, *from, findings);
    check_reserved_name(at, *from, findings);
    check_from_platform(at, *from, findings);
  } else if (const auto* env = std::get_if<EnvInstruction>(&at.value)) {
    check_legacy_form(at, env->variables, findings);
    for (const KeyValue& pair : env->variables) check_secret(at, pair.key, findings);
  } else if (const auto* label = std::get_if<LabelInstruction>(&at.value)) {
    check_legacy_form(at, label->labels, findings);
  } else if (const auto* arg = std::get_if<ArgInstruction>(&at.value)) {
    for (const ArgInstruction::Item& item : arg->items) check_secret(at, item.name, findings);
  } else if (const auto* copy = std::get_if<CopyInstruction>(&at.value)) {
    check_copy_destination(at, *copy, findings);
  } else if (std::holds_alternative<MaintainerInstruction>(at.value)) {
    findings.add("MaintainerDeprecated", at, "MAINTAINER is deprecated, use a label to name the author");
  }
}

/// The finding is about the earlier one: it has no effect.
void check_repeated(const Stage& stage, Findings& findings) {
  std::map<std::string, const Instruction*> seen;
  for (const Instruction& instruction : stage.instructions) {
    const std::string& name = instruction.name;
    if (name != "CMD" && name != "ENTRYPOINT" && name != "HEALTHCHECK") continue;
    const Instruction*& earlier = seen[name];
    if (earlier != nullptr) {
      findings.add("MultipleInstructionsDisallowed", *earlier,
                   "several " + name + " instructions in the same stage, only the last one will be used");
    }
    earlier = &instruction;
  }
}

void check_duplicate_names(const Dockerfile& dockerfile, Findings& findings) {
  std::set<std::string> names;
  for (const Stage& stage : dockerfile.stages) {
    const std::string& name = std::get<FromInstruction>(stage.from.value).stage_name;
    if (name.empty() || names.insert(name).second) continue;
    findings.add("DuplicateStageName", stage.from, "duplicate stage name `" + name + "`, stage names should be unique");
  }
}

void for_each_instruction(const Dockerfile& dockerfile, const std::function<void(const Instruction&)>& visit) {
  for (const Stage& stage : dockerfile.stages) {
    visit(stage.from);
    for (const Instruction& instruction : stage.instructions) visit(instruction);
  }
}

void check_instruction_casing(const Dockerfile& dockerfile, Findings& findings) {
  int lower = 0;
  int upper = 0;
  for_each_instruction(dockerfile, [&](const Instruction& instruction) {
    if (is_lower(instruction.name_text)) {
      ++lower;
    } else if (is_upper(instruction.name_text)) {
      ++upper;
    }
  });
  bool want_lower = lower > upper;
  for_each_instruction(dockerfile, [&](const Instruction& instruction) {
    if (want_lower ? is_lower(instruction.name_text) : is_upper(instruction.name_text)) return;
    findings.add("ConsistentInstructionCasing", instruction,
                 "instruction `" + instruction.name_text + "` should match the case of the majority (" +
                     (want_lower ? "lower" : "upper") + " case)");
  });
}

void check_empty_continuations(const SyntaxTree& tree, Findings& findings) {
  for (const SyntaxNode& node : tree.nodes) {
    if (node.empty_continuation == 0) continue;
    findings.add("NoEmptyContinuation", node, "Empty continuation line found in: " + node.original,
                 {node.empty_continuation, node.empty_continuation});
  }
}

std::vector<std::string> described_names(const SyntaxNode& node) {
  if (util::equal_ignoring_case(node.name, "FROM") && node.args.size() == 3) return {util::to_lower(node.args[2])};
  std::vector<std::string> names;
  if (!util::equal_ignoring_case(node.name, "ARG")) return names;
  for (const std::string& word : node.args) names.push_back(word.substr(0, word.find('=')));
  return names;
}

bool is_check_comment(const std::string& comment) {
  std::optional<Directive> directive = DirectiveReader().read("#" + comment);
  return directive && directive->name == "check";
}

void check_descriptions(const SyntaxTree& tree, Findings& findings) {
  for (const SyntaxNode& node : tree.nodes) {
    std::vector<std::string> names = described_names(node);
    if (names.empty() || node.comments.empty()) continue;
    const std::string& comment = node.comments.back();
    std::string first = comment.substr(0, comment.find(' '));
    if (is_check_comment(comment) || std::find(names.begin(), names.end(), first) != names.end()) continue;
    std::string example = names.size() == 1 ? names[0] : "<arg_key>";
    findings.add(
        "InvalidDefinitionDescription", node,
        "comment for " + util::to_upper(node.name) + " should follow the format: `# " + example + " <description>`",
        node.range);
  }
}

}  // namespace

std::vector<Warning> lint(const Dockerfile& dockerfile, const SyntaxTree& tree) {
  Findings findings;
  auto remember = [&](const Instruction& instruction) { findings.by_line[instruction.range.first] = &instruction; };
  for (const Instruction& arg : dockerfile.global_args) remember(arg);
  for_each_instruction(dockerfile, remember);
  for_each_instruction(dockerfile, [&](const Instruction& instruction) { check_instruction(instruction, findings); });
  check_duplicate_names(dockerfile, findings);
  check_instruction_casing(dockerfile, findings);
  for (const Stage& stage : dockerfile.stages) check_repeated(stage, findings);
  check_empty_continuations(tree, findings);
  check_descriptions(tree, findings);
  std::stable_sort(findings.warnings.begin(), findings.warnings.end(),
                   [](const Warning& a, const Warning& b) { return a.range.first < b.range.first; });
  return std::move(findings.warnings);
}

}  // namespace dockerfile
