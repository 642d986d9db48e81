#pragma once

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/dockerfile/instruction.h"
#include "frontend/dockerfile/syntax_tree.h"
#include "frontend/dockerfile/warning.h"

// The linter's rule table, its options, and the rules that need nothing but the typed instructions. Rules that depend
// on expansion, stage inheritance or images run in the compiler and make their findings with `make_warning`.
namespace dockerfile {

struct LintRule {
  std::string_view name;
  std::string_view description;
  std::string_view page;      ///< last part of the documentation's address; empty when there is none
  bool experimental = false;  ///< off unless asked for
};

/// All rules, those of the compiler too.
std::span<const LintRule> lint_rules();

/// A finding with the texts of its rule; `rule` must be in the table.
Warning make_warning(std::string_view rule, std::string message, llb::SourceRange range);

/// Value of the `check` directive or of BUILDKIT_DOCKERFILE_CHECK: "skip=A,B;error=true;experimental=C".
struct LintOptions {
  std::set<std::string, std::less<>> skip;
  bool skip_all = false;
  bool error = false;  ///< findings make the build fail
  std::set<std::string, std::less<>> experimental;
  bool experimental_all = false;

  bool enabled(const LintRule& rule) const;
};

/// Throws util::Error for an unknown option or a malformed value.
LintOptions parse_lint_options(std::string_view text);

/// Findings that `options` leaves: rules not skipped, experimental ones only when asked for.
std::vector<Warning> select_warnings(std::vector<Warning> warnings, const LintOptions& options);

/// Whether `# check=skip=…` above the instruction covers `rule`.
bool skips_rule(const Instruction& instruction, std::string_view rule);

/// Findings of the rules decided here, experimental ones included: StageNameCasing, FromAsCasing, NoEmptyContinuation,
/// ConsistentInstructionCasing, DuplicateStageName, ReservedStageName, MaintainerDeprecated, LegacyKeyValueFormat,
/// MultipleInstructionsDisallowed, RedundantTargetPlatform, FromPlatformFlagConstDisallowed, SecretsUsedInArgOrEnv,
/// InvalidDefinitionDescription and CopySourcesNeedSlash (ours). In source order.
std::vector<Warning> lint(const Dockerfile& dockerfile, const SyntaxTree& tree);

}  // namespace dockerfile
