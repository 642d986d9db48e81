#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/dockerfile/compile.h"
#include "frontend/dockerfile/compile_lint.h"
#include "frontend/dockerfile/global_scope.h"
#include "frontend/dockerfile/outline.h"
#include "frontend/dockerfile/stage_graph.h"
#include "frontend/dockerfile/stage_state.h"
#include "frontend/dockerfile/step_names.h"
#include "util/pattern.h"

// Shared by the compile_*.cc files: what one instruction is lowered with, and the entry points per family.
namespace dockerfile {

/// One target platform on its way through the compiler; the same for all its stages.
struct PlatformContext {
  const Dockerfile& dockerfile;
  const FrontendRequest& request;
  oci::Platform target;
  GlobalScope scope;
  std::optional<std::int64_t> epoch;   ///< SOURCE_DATE_EPOCH, seconds
  std::vector<std::string> proxy_env;  ///< "K=V" from proxy build arguments, sorted
  util::PatternMatcher ignored;        ///< of the main context
  LintSink& lint;
};

/// One instruction on its way into a stage's state. Every word has to be expanded before the state changes: an
/// instruction sees the environment as it was before it.
class Step {
 public:
  Step(const PlatformContext& platform_context, const Command& current, StageState& stage_state, StepNames& step_names)
      : context(platform_context), command(current), state(stage_state), names_(step_names) {}

  const PlatformContext& context;
  const Command& command;
  StageState& state;
  /// File systems of `command.sources`; null where there is no source.
  std::vector<const StageState*> sources;
  std::string stage;  ///< for VertexMeta
  bool no_cache = false;
  StageOutline* outline = nullptr;  ///< of the stage; never null

  /// Expands a word and reports undefined variables.
  std::string expand(std::string_view word, bool heredoc_body = false);
  void lint(std::string_view rule, std::string message) {
    context.lint.add(rule, std::move(message), *command.instruction, command.range);
  }
  llb::SourceLocation location() const { return {context.dockerfile.source, {command.range}}; }
  /// What people see of the step's vertex; takes the next step number. `text` is the instruction for display;
  /// --no-cache concerns RUN, COPY and ADD only.
  llb::VertexMeta meta(const std::string& text, bool obeys_no_cache);
  /// The instruction for display, expanded where that works.
  std::string text() const;

 private:
  StepNames& names_;
};

/// Throws util::Error when the word of a here-document cannot be the name of a file.
void require_file_name(const Heredoc& heredoc);

void lower_run(Step& step, const RunInstruction& run);
void lower_copy(Step& step, const CopyInstruction& copy);
void lower_workdir(Step& step, const WorkdirInstruction& workdir);
void lower_env(Step& step, const EnvInstruction& env);
void lower_label(Step& step, const LabelInstruction& label);
void lower_arg(Step& step, const ArgInstruction& arg);
void lower_user(Step& step, const UserInstruction& user);
void lower_cmd(Step& step, const CmdInstruction& cmd);
void lower_entrypoint(Step& step, const EntrypointInstruction& entrypoint);
void lower_shell(Step& step, const ShellInstruction& shell);
void lower_expose(Step& step, const ExposeInstruction& expose);
void lower_volume(Step& step, const VolumeInstruction& volume);
void lower_stop_signal(Step& step, const StopSignalInstruction& signal);
void lower_maintainer(Step& step, const MaintainerInstruction& maintainer);
void lower_healthcheck(Step& step, const HealthcheckInstruction& healthcheck);
void lower_onbuild(Step& step, const OnbuildInstruction& onbuild);

}  // namespace dockerfile
