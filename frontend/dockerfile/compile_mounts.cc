#include "frontend/dockerfile/compile_mounts.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/dockerfile/container_path.h"
#include "frontend/dockerfile/mount_flag.h"
#include "util/error.h"

namespace dockerfile {
namespace {

constexpr std::string_view kSshSocket = "/run/buildkit/ssh_agent.";

/// Number of the input that is `vertex`, added when new. The root is never shared: a mount shows its source as it was
/// before the step.
int input_number(std::vector<llb::VertexRef>& inputs, const llb::VertexRef& vertex) {
  const auto found = std::find(inputs.begin() + 1, inputs.end(), vertex);
  if (found != inputs.end()) return static_cast<int>(found - inputs.begin());
  inputs.push_back(vertex);
  return static_cast<int>(inputs.size()) - 1;
}

void set_target(llb::MountSpec& spec, const MountFlag& flag, const StageState& state, std::size_t ssh_count) {
  if (spec.type == llb::MountType::ssh && !flag.has_target) {
    spec.target = fmt::format("{}{}", kSshSocket, ssh_count);
    return;
  }
  if (spec.target.empty() && spec.type == llb::MountType::secret && !spec.env.empty()) return;
  spec.target = join_path(state.directory, spec.target);  // without target: WORKDIR itself
  if (spec.target == "/" && !flag.has_target) {
    throw util::Error("RUN --mount: no target is given and the working directory is `/`", "add target=/path");
  }
  if (spec.target == "/") throw util::Error("RUN --mount: the target cannot be `/`", "give a directory below it");
}

void set_source(llb::MountSpec& spec, const StageState* source, Step& step, Mounts& mounts) {
  const bool bind = spec.type == llb::MountType::bind;
  if (!bind && spec.type != llb::MountType::cache) return;
  spec.source = join_path("/", spec.source);
  if (source != nullptr) {
    spec.input = input_number(mounts.inputs, source->root);
  } else if (bind) {
    spec.input = input_number(mounts.inputs, step.context.request.context);
  } else if (spec.source == "/") {
    spec.source.clear();
  }
}

void note(StageOutline& outline, const llb::MountSpec& spec, llb::SourceRange range) {
  if (spec.type == llb::MountType::secret) outline.secret(spec.id, spec.required, range);
  if (spec.type == llb::MountType::ssh) outline.ssh(spec.id, spec.required, range);
  if (spec.type == llb::MountType::cache) outline.cache(spec.id, range);
}

}  // namespace

Mounts lower_mounts(Step& step, const RunInstruction& run) {
  Mounts mounts;
  mounts.inputs.push_back(step.state.root);
  std::size_t ssh_count = 0;
  for (std::size_t i = 0; i < run.mounts.size(); ++i) {
    const MountFlag flag = parse_mount_flag(run.mounts[i], [&](std::string_view word) { return step.expand(word); });
    llb::MountSpec spec = flag.spec;
    set_target(spec, flag, step.state, ssh_count);
    set_source(spec, i < step.sources.size() ? step.sources[i] : nullptr, step, mounts);
    if (spec.type == llb::MountType::cache && spec.id.empty()) spec.id = spec.target;
    if (spec.type == llb::MountType::ssh && ssh_count++ == 0) mounts.ssh_socket = spec.target;
    if (spec.type == llb::MountType::secret && !spec.env.empty()) mounts.secret_variables.push_back(spec.env);
    note(*step.outline, spec, step.command.range);
    mounts.specs.push_back(std::move(spec));
  }
  return mounts;
}

}  // namespace dockerfile
