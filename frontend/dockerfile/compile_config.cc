// WORKDIR and the instructions that only change the image config.
#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "frontend/dockerfile/compile_context.h"
#include "frontend/dockerfile/expose.h"
#include "frontend/dockerfile/stop_signal.h"
#include "util/text.h"

namespace dockerfile {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

Pairs expand_pairs(Step& step, const std::vector<KeyValue>& items) {
  Pairs pairs;
  for (const KeyValue& item : items) {
    std::string key = step.expand(item.key);
    pairs.emplace_back(std::move(key), step.expand(item.value));
  }
  return pairs;
}

void add_unique(std::vector<std::string>& list, const std::vector<std::string>& values) {
  constexpr std::size_t kFew = 8;
  if (values.size() <= kFew) {
    for (const std::string& value : values) {
      if (std::find(list.begin(), list.end(), value) == list.end()) list.push_back(value);
    }
    return;
  }
  std::unordered_set<std::string> known(list.begin(), list.end());
  for (const std::string& value : values) {
    if (known.insert(value).second) list.push_back(value);
  }
}

void lint_shell_form(Step& step, const CommandLine& command, const char* instruction) {
  if (command.exec_form || (step.state.config.shell && !step.state.config.shell->empty())) return;
  step.lint("JSONArgsRecommended",
            fmt::format("{} in shell form runs below a shell, which keeps signals from it", instruction));
}

}  // namespace

void lower_workdir(Step& step, const WorkdirInstruction& workdir) {
  StageState& state = step.state;
  const std::string path = step.expand(workdir.path);
  if (!state.workdir_set && !path.starts_with('/')) {
    step.lint("WorkdirRelativePath", fmt::format("WORKDIR `{}` begins wherever the base image says", path));
  }
  state.workdir_set = true;
  const std::string text = step.text();
  state.set_workdir(state.workdir(path));
  const bool layer = state.directory != "/";
  if (layer) {
    llb::MkdirAction mkdir;
    mkdir.path = state.directory;
    if (!state.config.user.empty()) mkdir.owner = llb::Owner{state.config.user};
    if (step.context.epoch) mkdir.mtime = *step.context.epoch * 1'000'000'000;
    state.root = llb::make_vertex(llb::FileOp{{std::move(mkdir)}}, {state.root}, step.meta(text, false));
  }
  state.commit("WORKDIR " + state.config.working_dir, layer);
}

void lower_env(Step& step, const EnvInstruction& env) {
  const Pairs pairs = expand_pairs(step, env.variables);
  for (const auto& [name, value] : pairs) step.state.set_env(name, value);
  step.state.commit(pairs_history("ENV", pairs), false);
}

void lower_label(Step& step, const LabelInstruction& label) {
  const Pairs pairs = expand_pairs(step, label.labels);
  for (const auto& [name, value] : pairs) step.state.config.labels[name] = value;
  step.state.commit(pairs_history("LABEL", pairs), false);
}

void lower_arg(Step& step, const ArgInstruction& arg) {
  StageState& state = step.state;
  const auto& given = step.context.request.build_args;
  std::string text = "ARG";
  for (const ArgInstruction::Item& item : arg.items) {
    BuildArg declared{item.name, std::nullopt};
    bool inherited = false;
    OutlineArg outline{item.name, std::nullopt, item.comment, step.command.range, {}};
    if (const auto found = given.find(item.name); found != given.end()) {
      declared.value = found->second;
    } else if (item.default_value) {
      outline.needs = names_used(*item.default_value, state.environment, step.context.dockerfile.escape);
      declared.value = step.expand(*item.default_value);
    } else {
      declared.value = step.context.scope.variables.find(item.name);
      inherited = declared.value.has_value();
    }
    outline.value = declared.value;
    if (inherited) {
      step.outline->use(item.name);
    } else {
      step.outline->define(std::move(outline));
    }
    text += " " + item.name;
    if (declared.value) {
      text += "=" + *declared.value;
      state.environment.set(item.name, *declared.value);
    }
    state.args.push_back(std::move(declared));
  }
  state.commit(std::move(text), false);
}

void lower_user(Step& step, const UserInstruction& user) {
  step.state.config.user = step.expand(user.user);
  step.state.commit("USER " + step.state.config.user, false);
}

void lower_cmd(Step& step, const CmdInstruction& cmd) {
  lint_shell_form(step, cmd.command, "CMD");
  StageState& state = step.state;
  state.config.cmd = state.command_line(cmd.command);
  state.config.args_escaped = true;
  state.cmd_set = true;
  state.commit(command_history("CMD", *state.config.cmd), false);
}

void lower_entrypoint(Step& step, const EntrypointInstruction& entrypoint) {
  lint_shell_form(step, entrypoint.command, "ENTRYPOINT");
  StageState& state = step.state;
  std::vector<std::string> args = state.command_line(entrypoint.command);
  state.commit(command_history("ENTRYPOINT", args), false);
  // What a base image wants to pass to its own entry point means nothing to another one.
  if (!state.cmd_set) state.config.cmd.reset();
  state.config.entrypoint.reset();
  if (!args.empty()) state.config.entrypoint = std::move(args);
}

void lower_shell(Step& step, const ShellInstruction& shell) {
  step.state.config.shell = shell.shell;
  step.state.commit(list_history("SHELL", shell.shell), false);
}

void lower_expose(Step& step, const ExposeInstruction& expose) {
  const ExpandOptions options{.escape = step.context.dockerfile.escape};
  std::vector<std::string> words = expose.ports;
  std::sort(words.begin(), words.end());
  std::vector<std::string> ports;
  std::vector<Warning> warnings;
  for (const std::string& word : words) {
    for (const std::string& expanded : expand_words(word, step.state.environment, options)) {
      const std::vector<std::string> more = parse_expose(expanded, step.command.range, warnings);
      ports.insert(ports.end(), more.begin(), more.end());
    }
  }
  for (const Warning& warning : warnings) step.lint(warning.rule, warning.message);
  add_unique(step.state.config.exposed_ports, ports);
  step.state.commit(list_history("EXPOSE", ports), false);
}

void lower_volume(Step& step, const VolumeInstruction& volume) {
  std::vector<std::string> paths;
  for (const std::string& word : volume.paths) {
    const std::string path(util::trim(step.expand(word)));
    if (path.empty()) throw util::Error("VOLUME: a path is empty");
    paths.push_back(path);
  }
  add_unique(step.state.config.volumes, paths);
  step.state.commit(list_history("VOLUME", paths), false);
}

void lower_stop_signal(Step& step, const StopSignalInstruction& signal) {
  const std::string name = step.expand(signal.signal);
  check_stop_signal(name);
  step.state.config.stop_signal = name;
  step.state.commit("STOPSIGNAL " + name, false);
}

void lower_maintainer(Step& step, const MaintainerInstruction& maintainer) {
  step.state.config.author = maintainer.author;
  step.state.commit("MAINTAINER " + maintainer.author, false);
}

void lower_healthcheck(Step& step, const HealthcheckInstruction& healthcheck) {
  oci::Healthcheck check;
  if (healthcheck.none) {
    check.test = {"NONE"};
  } else {
    check.test = {healthcheck.command.exec_form ? "CMD" : "CMD-SHELL"};
    check.test.insert(check.test.end(), healthcheck.command.args.begin(), healthcheck.command.args.end());
  }
  check.interval = healthcheck.interval;
  check.timeout = healthcheck.timeout;
  check.start_period = healthcheck.start_period;
  check.start_interval = healthcheck.start_interval;
  check.retries = healthcheck.retries;
  step.state.commit(healthcheck_history(check), false);
  step.state.config.healthcheck = std::move(check);
}

void lower_onbuild(Step& step, const OnbuildInstruction& onbuild) {
  step.state.config.on_build.push_back(onbuild.expression);
}

}  // namespace dockerfile
