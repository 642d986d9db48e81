#include "solver/ops/exec_devices.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "solver/ops/cdi.h"
#include "util/error.h"

namespace ops {
namespace {

bool is_allowed(const CdiDevice& device, const std::string& request, const DevicePolicy& policy) {
  if (policy.all || device.auto_allow) return true;
  return std::any_of(policy.names.begin(), policy.names.end(), [&](const std::string& name) {
    return name == request || name == device.qualified_name() || name == device.kind || name == device.kind + "=*" ||
           (!device.device_class.empty() && name == device.device_class);
  });
}

util::Mount mount_of(const CdiEdits::Mount& edit) {
  util::Mount mount;
  mount.source = edit.host_path;
  mount.target = edit.container_path;
  for (const std::string& option : edit.options) {
    if (option == "ro") mount.read_only = true;
    if (option == "rbind") mount.recursive = true;
    if (option == "nosuid") mount.no_suid = true;
    if (option == "nodev") mount.no_dev = true;
    if (option == "noexec") mount.no_exec = true;
  }
  return mount;
}

/// The machine's own node is shown, with its owner and mode: nodes cannot be made in a user namespace.
util::Mount mount_of(const CdiEdits::Node& node) {
  util::Mount mount;
  mount.source = node.host_path;
  mount.target = node.path;
  mount.no_suid = mount.no_exec = true;
  return mount;
}

/// In place of an older value.
void set_variable(std::vector<std::string>& environment, const std::string& variable) {
  const std::string name = variable.substr(0, variable.find('=') + 1);
  std::erase_if(environment, [&](const std::string& old) { return old.starts_with(name); });
  environment.push_back(variable);
}

void apply(const CdiEdits& edits, executor::MountPlan& plan, std::vector<std::string>& environment) {
  for (const std::string& variable : edits.env) set_variable(environment, variable);
  for (const CdiEdits::Node& node : edits.nodes) {
    std::error_code ignored;
    if (!std::filesystem::exists(node.host_path, ignored)) {
      throw util::Error("its node `" + node.host_path + "` does not exist on this machine");
    }
    plan.extra.push_back(mount_of(node));
  }
  for (const CdiEdits::Mount& mount : edits.mounts) plan.extra.push_back(mount_of(mount));
}

void warn_about_hooks(const CdiDevice& device, solver::OpContext& context) {
  util::TaskWarning warning;
  warning.task = context.task;
  warning.short_text = fmt::format("hooks of device `{}` are not run", device.qualified_name());
  warning.detail = {"a step runs in a sandbox that no program of this machine enters"};
  context.progress.emit(std::move(warning));
}

}  // namespace

void add_devices(const llb::ExecOp& op, const DevicePolicy& policy, executor::MountPlan& plan,
                 std::vector<std::string>& environment, solver::OpContext& context) {
  if (op.devices.empty()) return;
  const std::vector<std::filesystem::path> directories = CdiDevices::default_directories();
  const CdiDevices devices = CdiDevices::load(directories);
  std::set<std::string> added;
  std::set<std::size_t> specs;
  for (const llb::Device& request : op.devices) {
    const std::vector<const CdiDevice*> found = devices.find(request.name);
    if (found.empty() && request.required) {
      throw util::Error("device `" + request.name + "` is required by this step and no specification describes it",
                        "specifications (CDI) lie in /etc/cdi and /var/run/cdi, as JSON or YAML");
    }
    for (const CdiDevice* device : found) {
      if (!is_allowed(*device, request.name, policy)) {
        throw util::Error("device `" + device->qualified_name() + "` may not be used by this step",
                          "allow it with --allow device=" + device->qualified_name() + ", or all with --allow device");
      }
      if (!added.insert(device->qualified_name()).second) continue;
      util::with_context("device `" + device->qualified_name() + "`", [&] {
        const CdiEdits& common = devices.common_edits(*device);
        if (specs.insert(device->spec).second) apply(common, plan, environment);
        apply(device->edits, plan, environment);
        if (common.has_hooks || device->edits.has_hooks) warn_about_hooks(*device, context);
      });
    }
  }
}

}  // namespace ops
