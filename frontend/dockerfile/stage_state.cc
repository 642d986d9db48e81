#include "frontend/dockerfile/stage_state.h"

#include "frontend/dockerfile/container_path.h"
#include "util/text.h"

namespace dockerfile {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

bool defines(const std::vector<std::string>& environment, std::string_view name) {
  for (const std::string& entry : environment) {
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') return true;
  }
  return false;
}

void ensure_path(oci::ImageConfig& config, const oci::Platform& platform) {
  if (platform.os == "windows" || defines(config.env, "PATH")) return;
  config.env.push_back("PATH=" + std::string(kDefaultPath));
}

}  // namespace

StageState StageState::scratch(const oci::Platform& platform) {
  StageState state;
  state.platform = platform;
  state.config.platform = platform;
  state.config.working_dir = "/";
  ensure_path(state.config, platform);
  return state;
}

StageState StageState::image(oci::ImageConfig config, const oci::Platform& platform) {
  StageState state;
  state.platform = platform;
  state.config = std::move(config);
  state.config.created.clear();
  state.base_history = state.config.history.size();
  return state;
}

void StageState::begin() {
  cmd_set = false;
  ensure_path(config, platform);
  for (const std::string& entry : config.env) {
    const auto equals = entry.find('=');
    if (equals == std::string::npos) {
      environment.set(entry, "");
    } else {
      environment.set(entry.substr(0, equals), entry.substr(equals + 1));
    }
  }
  if (!config.working_dir.empty()) set_workdir(workdir(config.working_dir));
}

std::string StageState::workdir(std::string_view path) const {
  std::string result = join_path(config.working_dir.empty() ? "/" : join_path("/", config.working_dir), path);
  if (path.starts_with('/') && path.ends_with('/') && result != "/") result += '/';
  return result;
}

void StageState::set_workdir(std::string path) {
  directory = join_path("/", path);
  config.working_dir = std::move(path);
}

void StageState::set_env(const std::string& name, const std::string& value) {
  // All of config.env is in the environment; looking through it for every new name would
  // cost the square of their number.
  const bool is_new = !environment.find(name);
  environment.set(name, value);
  const std::string entry = name + "=" + value;
  for (std::string& known : config.env) {
    if (is_new) break;
    if (known.size() > name.size() && known.starts_with(name) && known[name.size()] == '=') {
      known = entry;
      return;
    }
  }
  config.env.push_back(entry);
}

std::vector<std::string> StageState::shell() const {
  if (config.shell && !config.shell->empty()) return *config.shell;
  if (platform.os == "windows") return {"cmd", "/S", "/C"};
  return {"/bin/sh", "-c"};
}

std::vector<std::string> StageState::command_line(const CommandLine& command) const {
  if (command.exec_form) return command.args;
  std::vector<std::string> argv = shell();
  argv.push_back(util::join(command.args, " "));
  return argv;
}

}  // namespace dockerfile
