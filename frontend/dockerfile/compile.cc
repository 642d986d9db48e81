#include "frontend/dockerfile/compile.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <map>
#include <memory>

#include "frontend/dockerfile/compile_base.h"
#include "frontend/dockerfile/compile_context.h"
#include "frontend/dockerfile/directives.h"
#include "frontend/dockerfile/parser.h"
#include "frontend/dockerfile/source_date_epoch.h"
#include "util/error.h"
#include "util/text.h"

namespace dockerfile {
namespace {

constexpr const char* kProxyArguments[] = {"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"};

/// Proxy build arguments, under their lower- and upper-case names.
std::vector<std::string> proxy_environment(const std::map<std::string, std::string>& build_args) {
  std::map<std::string, std::string> values;
  for (const auto& [name, value] : build_args) {
    const std::string lower = util::to_lower(name);
    if (std::find(std::begin(kProxyArguments), std::end(kProxyArguments), lower) == std::end(kProxyArguments)) continue;
    values[lower] = value;  // in map order a lower-case name comes last and wins
  }
  std::vector<std::string> environment;
  for (const auto& [name, value] : values) {
    environment.push_back(util::to_upper(name) + "=" + value);
    environment.push_back(name + "=" + value);
  }
  return environment;
}

bool counts_as_step(const Instruction& instruction) {
  return std::holds_alternative<RunInstruction>(instruction.value) ||
         std::holds_alternative<CopyInstruction>(instruction.value) ||
         std::holds_alternative<WorkdirInstruction>(instruction.value);
}

struct Lower {
  Step& step;
  void operator()(const FromInstruction&) const {}
  void operator()(const RunInstruction& one) const { lower_run(step, one); }
  void operator()(const CopyInstruction& one) const { lower_copy(step, one); }
  void operator()(const EnvInstruction& one) const { lower_env(step, one); }
  void operator()(const LabelInstruction& one) const { lower_label(step, one); }
  void operator()(const ArgInstruction& one) const { lower_arg(step, one); }
  void operator()(const WorkdirInstruction& one) const { lower_workdir(step, one); }
  void operator()(const UserInstruction& one) const { lower_user(step, one); }
  void operator()(const CmdInstruction& one) const { lower_cmd(step, one); }
  void operator()(const EntrypointInstruction& one) const { lower_entrypoint(step, one); }
  void operator()(const ShellInstruction& one) const { lower_shell(step, one); }
  void operator()(const ExposeInstruction& one) const { lower_expose(step, one); }
  void operator()(const VolumeInstruction& one) const { lower_volume(step, one); }
  void operator()(const StopSignalInstruction& one) const { lower_stop_signal(step, one); }
  void operator()(const MaintainerInstruction& one) const { lower_maintainer(step, one); }
  void operator()(const HealthcheckInstruction& one) const { lower_healthcheck(step, one); }
  void operator()(const OnbuildInstruction& one) const { lower_onbuild(step, one); }
};

/// Lowers what one target platform needs.
class PlatformCompiler {
 public:
  PlatformCompiler(const Dockerfile& dockerfile, const FrontendRequest& request, const oci::Platform& target,
                   oci::ImageResolver& resolver, LintSink& lint)
      : context_(make_context(dockerfile, request, target, lint)),
        graph_(dockerfile, expand_bases(dockerfile, context_.scope, lint), request, target),
        bases_(context_, resolver) {}

  PlatformResult run();

 private:
  static PlatformContext make_context(const Dockerfile& dockerfile, const FrontendRequest& request,
                                      const oci::Platform& target, LintSink& lint);
  std::vector<StageNode*> resolve(const std::vector<StageNode*>& targets);
  std::vector<std::string> triggers_for(const StageNode& node) const;
  void count_uses(const std::vector<StageNode*>& nodes, const StageNode& target);
  StageState state_after(const StageNode& parent);
  void lower(StageNode& node);
  void lower_commands(const StageNode& node, StageState& state, StepNames& names);
  std::vector<const StageState*> sources_of(const StageNode& node, const Command& command) const;
  bool no_cache(const StageNode& node) const;
  StepNames step_names(const StageNode& node) const;
  PlatformResult result(StageNode& target);
  Outline outline(StageNode& target);

  PlatformContext context_;
  StageGraph graph_;
  Bases bases_;
  std::map<const StageNode*, StageState> states_;
  std::map<const StageNode*, std::size_t> uses_;  ///< of a stage's state, still to come
  std::map<const StageNode*, StageOutline> outlines_;
};

PlatformContext PlatformCompiler::make_context(const Dockerfile& dockerfile, const FrontendRequest& request,
                                               const oci::Platform& target, LintSink& lint) {
  try {
    lint_default_bases(dockerfile, make_global_scope(dockerfile, request, target, false), lint);
  } catch (const util::Error&) {
    // The defaults alone may be wrong; what counts is made below.
  }
  PlatformContext context{dockerfile, request, target, make_global_scope(dockerfile, request, target),
                          {},         {},      {},     lint};
  context.epoch = source_date_epoch(dockerfile, request, context.scope);
  context.proxy_env = proxy_environment(request.build_args);
  context.ignored = util::PatternMatcher(request.ignore_patterns);
  return context;
}

PlatformResult PlatformCompiler::run() {
  graph_.check_cycles();
  StageNode& target = graph_.target(context_.request.target);
  const bool everything = context_.request.all_stages && context_.request.target.empty();
  const std::vector<StageNode*> nodes = resolve(everything ? graph_.stages() : std::vector<StageNode*>{&target});
  count_uses(nodes, target);
  for (StageNode* node : nodes) lower(*node);
  return result(target);
}

std::vector<StageNode*> PlatformCompiler::resolve(const std::vector<StageNode*>& targets) {
  // ONBUILD triggers are known only with the base's config, and may need further stages and images.
  for (;;) {
    std::vector<StageNode*> nodes = graph_.reachable(targets);
    bases_.resolve(nodes, graph_.stage_names());
    bool more = false;
    for (StageNode* node : nodes) {
      if (node->implicit() || node->replaced || node->triggered) continue;
      const std::vector<std::string> triggers = triggers_for(*node);
      graph_.add_triggers(*node, triggers);
      more = more || !triggers.empty();
    }
    if (!more) return nodes;
    graph_.check_cycles();
  }
}

std::vector<std::string> PlatformCompiler::triggers_for(const StageNode& node) const {
  if (node.parent == nullptr) return bases_.triggers(node);
  if (node.parent->replaced) return bases_.triggers(*node.parent);
  std::vector<std::string> triggers;
  for (const Command& command : node.parent->commands) {
    if (const auto* onbuild = std::get_if<OnbuildInstruction>(&command.instruction->value)) {
      triggers.push_back(onbuild->expression);
    }
  }
  return triggers;
}

StepNames PlatformCompiler::step_names(const StageNode& node) const {
  if (node.implicit() || node.replaced) return {};
  int total = node.parent == nullptr && !node.scratch() ? 1 : 0;
  for (const Command& command : node.commands) total += counts_as_step(*command.instruction) ? 1 : 0;
  const bool alone = context_.dockerfile.stages.size() == 1;
  return {alone ? std::string() : node.label, total, context_.request.multi_platform};
}

bool PlatformCompiler::no_cache(const StageNode& node) const {
  if (context_.request.no_cache) return true;
  const auto& filter = context_.request.no_cache_filter;
  return std::any_of(filter.begin(), filter.end(),
                     [&](const std::string& name) { return util::equal_ignoring_case(name, node.label); });
}

void PlatformCompiler::count_uses(const std::vector<StageNode*>& nodes, const StageNode& target) {
  ++uses_[&target];
  for (const StageNode* node : nodes) {
    ++uses_[node->parent];
    for (const Command& command : node->commands) {
      for (const StageNode* source : command.sources) ++uses_[source];
    }
  }
}

StageState PlatformCompiler::state_after(const StageNode& parent) {
  StageState& state = states_.at(&parent);
  // A state holds all the history so far: copied at each stage of a long chain, it would cost the square of its length.
  if (--uses_[&parent] == 0) return std::move(state);
  return state;
}

void PlatformCompiler::lower(StageNode& node) {
  StepNames names = step_names(node);
  StageState state = node.parent == nullptr ? bases_.begin(node, names) : state_after(*node.parent);
  if (!node.implicit() && !node.replaced) {
    state.begin();
    state.config.on_build.clear();
    lower_commands(node, state, names);
  }
  states_.emplace(&node, std::move(state));
}

/// The error of a trigger is shown at the FROM that runs it, which does not hold its text.
std::string trigger_prefix(const Command& command) {
  return command.on_build ? fmt::format("ONBUILD trigger `{}`: ", command.instruction->original.substr(0, 200)) : "";
}

void PlatformCompiler::lower_commands(const StageNode& node, StageState& state, StepNames& names) {
  StageOutline& outline = outlines_[&node];
  for (const Command& command : node.commands) {
    Step step(context_, command, state, names);
    step.stage = node.label;
    step.no_cache = no_cache(node);
    step.outline = &outline;
    try {
      step.sources = sources_of(node, command);
      std::visit(Lower{step}, command.instruction->value);
    } catch (const DockerfileError&) {
      throw;
    } catch (const util::Error& error) {
      throw DockerfileError(trigger_prefix(command) + error.message(), step.location(), error.hint());
    }
  }
}

std::vector<const StageState*> PlatformCompiler::sources_of(const StageNode& node, const Command& command) const {
  std::vector<const StageState*> sources;
  for (const StageNode* source : command.sources) {
    const auto found = source == nullptr ? states_.end() : states_.find(source);
    if (source != nullptr && found == states_.end()) {
      throw util::Error(
          fmt::format("stage `{}` is defined after stage `{}`, which takes files from it", source->label, node.label),
          "move the stage before the one that uses it");
    }
    sources.push_back(source == nullptr ? nullptr : &found->second);
  }
  return sources;
}

Outline PlatformCompiler::outline(StageNode& target) {
  OutlineBuilder builder(context_.dockerfile, context_.scope.variables, context_.request.build_args);
  std::vector<StageNode*> nodes = graph_.reachable({&target});
  std::reverse(nodes.begin(), nodes.end());
  for (const StageNode* node : nodes) {
    if (node->implicit() || node->replaced) continue;
    builder.add(outlines_[node], &context_.dockerfile.stages[static_cast<std::size_t>(node->index)].from);
  }
  return builder.take(target.name, context_.dockerfile.stages[static_cast<std::size_t>(target.index)].comment);
}

PlatformResult PlatformCompiler::result(StageNode& target) {
  const StageState& state = states_.at(&target);
  PlatformResult result;
  result.outline = outline(target);
  result.root = state.root;
  result.config = state.config;
  result.config.created.clear();
  result.config.diff_ids.clear();
  result.base_history = state.base_history;
  result.source_date_epoch = context_.epoch;
  for (const auto& [name, value] : context_.request.labels) result.config.labels[name] = value;
  oci::Platform& platform = result.config.platform;
  if (!context_.request.implicit_platform || platform.os.empty() || platform.architecture.empty()) {
    const oci::Platform& wanted = context_.target;
    const bool same = platform.os == wanted.os && platform.architecture == wanted.architecture;
    if (!same || !wanted.variant.empty()) platform.variant = wanted.variant;
    if (!same || !wanted.os_version.empty()) platform.os_version = wanted.os_version;
    platform.os = wanted.os;
    platform.architecture = wanted.architecture;
  }
  result.platform = platform;
  return result;
}

}  // namespace

LintOptions lint_options(const Dockerfile& dockerfile, const FrontendRequest& request) {
  constexpr const char* kArgument = "BUILDKIT_DOCKERFILE_CHECK";
  const auto given = request.build_args.find(kArgument);
  if (given != request.build_args.end()) {
    return util::with_context(kArgument, [&] { return parse_lint_options(given->second); });
  }
  try {
    return parse_lint_options(dockerfile.check);
  } catch (const util::Error& error) {
    llb::SourceLocation location{dockerfile.source, {}};
    if (const auto directive = find_check(dockerfile.source->text)) location.ranges = {{directive->line, directive->line}};
    throw DockerfileError(error.message(), std::move(location), error.hint());
  }
}

FrontendResult compile(const Dockerfile& dockerfile, const FrontendRequest& given, oci::ImageResolver& resolver,
                       std::vector<Warning>* found) {
  const std::optional<FrontendRequest> dated = with_epoch_of_source(dockerfile, given);
  const FrontendRequest& request = dated ? *dated : given;
  const LintOptions options = lint_options(dockerfile, request);
  std::vector<LintSink> sinks(request.platforms.size());
  std::vector<std::future<PlatformResult>> platforms;
  for (std::size_t i = 0; i < request.platforms.size(); ++i) {
    // One platform is lowered right here; several at once, since each may wait for a registry.
    const auto policy = request.platforms.size() > 1 ? std::launch::async : std::launch::deferred;
    platforms.push_back(std::async(policy, [&, i] {
      return PlatformCompiler(dockerfile, request, request.platforms[i], resolver, sinks[i]).run();
    }));
  }
  FrontendResult result;
  std::exception_ptr failure;
  for (std::future<PlatformResult>& platform : platforms) {
    try {
      result.platforms.push_back(platform.get());
    } catch (...) {
      if (failure == nullptr) failure = std::current_exception();
    }
  }
  LintSink merged;
  for (LintSink& sink : sinks) {
    for (Warning& warning : sink.take()) merged.add(warning.rule, std::move(warning.message), warning.range);
  }
  result.warnings = select_warnings(merged.take(), options);
  if (found != nullptr) found->insert(found->end(), result.warnings.begin(), result.warnings.end());
  if (failure != nullptr) std::rethrow_exception(failure);
  return result;
}

}  // namespace dockerfile
