#include "frontend/dockerfile/lint.h"

#include <algorithm>
#include <array>

#include "util/check.h"
#include "util/error.h"
#include "util/text.h"

namespace dockerfile {

namespace {

constexpr std::string_view kPages = "https://docs.docker.com/go/dockerfile/rule/";

constexpr std::array<LintRule, 23> kRules = {{
    {"StageNameCasing", "names of stages are written in lower case", "stage-name-casing"},
    {"FromAsCasing", "FROM and AS are written in the same case", "from-as-casing"},
    {"NoEmptyContinuation", "a blank line inside a continued instruction will become an error",
     "no-empty-continuation"},
    {"ConsistentInstructionCasing", "all instructions of a file are written in the same case",
     "consistent-instruction-casing"},
    {"DuplicateStageName", "names of stages are unique", "duplicate-stage-name"},
    {"ReservedStageName", "words with a meaning of their own do not name a stage", "reserved-stage-name"},
    {"JSONArgsRecommended", "CMD and ENTRYPOINT in JSON form let the process get its signals", "json-args-recommended"},
    {"MaintainerDeprecated", "MAINTAINER is deprecated, a label names the author", "maintainer-deprecated"},
    {"UndefinedArgInFrom", "FROM uses declared arguments only", "undefined-arg-in-from"},
    {"WorkdirRelativePath", "a relative WORKDIR depends on what the base image says", "workdir-relative-path"},
    {"UndefinedVar", "variables are defined before they are used", "undefined-var"},
    {"MultipleInstructionsDisallowed", "of several such instructions in a stage only the last has an effect",
     "multiple-instructions-disallowed"},
    {"LegacyKeyValueFormat", "keys and values are separated by =", "legacy-key-value-format"},
    {"InvalidBaseImagePlatform", "the base image is for the platform that is built", ""},
    {"RedundantTargetPlatform", "FROM uses the target platform anyway", "redundant-target-platform"},
    {"SecretsUsedInArgOrEnv", "values of ARG and ENV stay readable in the image", "secrets-used-in-arg-or-env"},
    {"InvalidDefaultArgInFrom", "the defaults of global arguments make a valid base image name",
     "invalid-default-arg-in-from"},
    {"FromPlatformFlagConstDisallowed", "FROM --platform does not fix a platform",
     "from-platform-flag-const-disallowed"},
    {"CopyIgnoredFile", "sources of COPY and ADD are not excluded by the ignore file", "copy-ignored-file"},
    {"InvalidDefinitionDescription", "a comment above ARG or FROM begins with the name it describes",
     "invalid-definition-description", true},
    {"ExposeProtoCasing", "protocols in EXPOSE are written in lower case", "expose-proto-casing"},
    {"ExposeInvalidFormat", "EXPOSE names ports of the container only", "expose-invalid-format"},
    {"CopySourcesNeedSlash", "the destination of several sources ends with a slash", ""},
}};

void add_names(std::string_view list, std::set<std::string, std::less<>>& names, bool& all) {
  for (const std::string& part : util::split(list, ',')) {
    std::string_view name = util::trim(part);
    if (name == "all") {
      all = true;
    } else if (!name.empty()) {
      names.emplace(name);
    }
  }
}

bool parse_boolean(std::string_view text, std::string_view option) {
  if (text == "1" || text == "t" || util::equal_ignoring_case(text, "true")) return true;
  if (text == "0" || text == "f" || util::equal_ignoring_case(text, "false")) return false;
  throw util::Error("invalid value in check option `" + std::string(option) + "`: must be true or false");
}

}  // namespace

std::span<const LintRule> lint_rules() {
  return kRules;
}

Warning make_warning(std::string_view rule, std::string message, llb::SourceRange range) {
  auto found = std::find_if(kRules.begin(), kRules.end(), [&](const LintRule& known) { return known.name == rule; });
  CHECK(found != kRules.end());
  Warning warning;
  warning.rule = rule;
  warning.description = found->description;
  if (!found->page.empty()) warning.url = std::string(kPages) + std::string(found->page) + "/";
  warning.message = std::move(message);
  warning.range = range;
  return warning;
}

bool LintOptions::enabled(const LintRule& rule) const {
  if (skip_all || skip.contains(rule.name)) return false;
  return !rule.experimental || experimental_all || experimental.contains(rule.name);
}

LintOptions parse_lint_options(std::string_view text) {
  LintOptions options;
  for (const std::string& part : util::split(text, ';')) {
    std::string_view option = util::trim(part);
    if (option.empty()) continue;
    std::size_t equals = option.find('=');
    std::string_view key = util::trim(option.substr(0, equals));
    std::string_view value = equals == std::string_view::npos ? option : util::trim(option.substr(equals + 1));
    if (equals != std::string_view::npos && key == "skip") {
      add_names(value, options.skip, options.skip_all);
    } else if (equals != std::string_view::npos && key == "experimental") {
      add_names(value, options.experimental, options.experimental_all);
    } else if (equals != std::string_view::npos && key == "error") {
      options.error = parse_boolean(value, option);
    } else {
      throw util::Error("invalid check option `" + std::string(option) + "`",
                        "known options are skip=…, error=true|false and experimental=…, separated by semicolons");
    }
  }
  return options;
}

std::vector<Warning> select_warnings(std::vector<Warning> warnings, const LintOptions& options) {
  std::erase_if(warnings, [&](const Warning& warning) {
    auto rule = std::find_if(kRules.begin(), kRules.end(), [&](const LintRule& r) { return r.name == warning.rule; });
    return rule != kRules.end() && !options.enabled(*rule);
  });
  return warnings;
}

bool skips_rule(const Instruction& instruction, std::string_view rule) {
  return std::any_of(instruction.skip_checks.begin(), instruction.skip_checks.end(),
                     [&](const std::string& name) { return name == "all" || name == rule; });
}

}  // namespace dockerfile
