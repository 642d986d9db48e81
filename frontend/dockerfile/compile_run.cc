// RUN: the command line with its here-documents, mounts, and what surrounds the process.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "frontend/dockerfile/compile_context.h"
#include "frontend/dockerfile/compile_mounts.h"
#include "frontend/dockerfile/mount_flag.h"
#include "util/text.h"

namespace dockerfile {
namespace {

constexpr std::string_view kScriptDirectory = "/dev/pipes/";

/// Whether the command line is one here-document and nothing else: "<<EOF", "3<<-'EOF'".
bool is_only_heredoc(const CommandLine& command) {
  if (command.heredocs.size() != 1 || command.args.size() != 1) return false;
  std::string_view text = util::trim(command.args[0]);
  while (!text.empty() && std::isdigit(static_cast<unsigned char>(text.front())) != 0) text.remove_prefix(1);
  if (!text.starts_with("<<")) return false;
  text.remove_prefix(text.starts_with("<<-") ? 3 : 2);
  if (text.empty() || text.find('<') != std::string_view::npos) return false;
  try {
    return expand_words(text, {}).size() == 1;
  } catch (const util::Error&) {
    return false;
  }
}

/// What runs, and what the step's name says beside the instruction.
struct Process {
  std::vector<std::string> argv;
  std::map<std::string, std::string> scripts;
  std::string note;
};

Process process_of(const RunInstruction& run, const StageState& state) {
  Process process;
  const CommandLine& command = run.command;
  CommandLine effective = command;
  if (is_only_heredoc(command)) {
    const Heredoc& heredoc = command.heredocs.front();
    process.note = fmt::format(" ({})", summary(heredoc.content));
    if (heredoc.content.starts_with("#!")) {
      require_file_name(heredoc);
      process.scripts[heredoc.name] = heredoc.content;
      effective.args = {std::string(kScriptDirectory) + heredoc.name};
    } else {
      effective.args = {heredoc.content};
    }
  } else if (!command.heredocs.empty()) {
    effective.args = {command.original_with_heredocs};
  }
  process.argv = state.command_line(effective);
  if (process.argv.empty()) throw util::Error("RUN: the command is empty", "give the program and its arguments");
  return process;
}

llb::NetworkMode network_mode(const RunInstruction& run, const FrontendRequest& request) {
  if (run.network == "none") return llb::NetworkMode::none;
  const llb::NetworkMode mode = run.network == "host" ? llb::NetworkMode::host : request.network;
  if (mode == llb::NetworkMode::host && !request.allow_host_network) {
    throw util::Error("RUN with the network of the host is not allowed", "allow it with --allow network.host");
  }
  return mode;
}

llb::SecurityMode security_mode(const RunInstruction& run, const FrontendRequest& request) {
  if (run.security != "insecure") return llb::SecurityMode::sandbox;
  if (!request.allow_insecure) {
    throw util::Error("RUN --security=insecure is not allowed", "allow it with --allow security.insecure");
  }
  return llb::SecurityMode::insecure;
}

void set_surroundings(llb::ExecOp& op, const FrontendRequest& request) {
  op.extra_hosts = request.extra_hosts;
  op.ulimits = request.ulimits;
  op.shm_size = request.shm_size;
  op.cgroup_parent = request.cgroup_parent;
  if (!request.hostname.empty()) op.hostname = request.hostname;
}

}  // namespace

void lower_run(Step& step, const RunInstruction& run) {
  StageState& state = step.state;
  const FrontendRequest& request = step.context.request;
  Process process = process_of(run, state);
  Mounts mounts = lower_mounts(step, run);

  llb::ExecOp op;
  op.args = process.argv;
  op.scripts = std::move(process.scripts);
  op.cwd = state.directory;
  op.user = state.config.user;
  op.platform = state.platform;
  op.network = network_mode(run, request);
  op.security = security_mode(run, request);
  op.proxy_env = step.context.proxy_env;
  for (const std::string& device : run.devices) op.devices.push_back(parse_device_flag(device));
  set_surroundings(op, request);
  Environment environment = state.environment;
  if (!mounts.ssh_socket.empty()) environment.set("SSH_AUTH_SOCK", mounts.ssh_socket);
  op.env = environment.list();
  op.mounts = std::move(mounts.specs);

  const std::string text = step_text(step.command.instruction->original) + process.note;
  llb::VertexMeta meta =
      step.meta(run_text(text, state.environment, mounts.secret_variables, step.context.dockerfile.escape), true);
  meta.instruction = text;
  state.commit(run_history(process.argv, state.args, state.environment), true);
  state.root = llb::make_vertex(std::move(op), std::move(mounts.inputs), std::move(meta));
}

}  // namespace dockerfile
