#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "frontend/dockerfile/compile.h"
#include "frontend/dockerfile/compile_lint.h"
#include "frontend/dockerfile/instruction.h"
#include "frontend/dockerfile/word_expander.h"
#include "oci/platform.h"

// What FROM lines see: predefined platform arguments and the ARGs before the first FROM (FEATURES.md 1.4).
namespace dockerfile {

struct GlobalScope {
  Environment variables;
  std::set<std::string> declared;  ///< every ARG, those without a value too
};

/// `use_build_args` false: as if none were given, for judging the defaults. Throws DockerfileError at the ARG.
GlobalScope make_global_scope(const Dockerfile& dockerfile, const FrontendRequest& request, const oci::Platform& target,
                              bool use_build_args = true);

/// A FROM after expansion.
struct StageBase {
  std::string name;
  std::optional<oci::Platform> platform;
};

/// Expands the FROM of every stage. Throws DockerfileError for a blank name or a malformed platform.
std::vector<StageBase> expand_bases(const Dockerfile& dockerfile, const GlobalScope& scope, LintSink& lint);

/// InvalidDefaultArgInFrom for every stage.
void lint_default_bases(const Dockerfile& dockerfile, const GlobalScope& defaults, LintSink& lint);

}  // namespace dockerfile
