#include "solver/ops/exec_op.h"

#include <algorithm>
#include <map>

#include "llb/codec.h"
#include "solver/ops/changed_entries.h"
#include "solver/ops/exec_devices.h"
#include "solver/ops/process_failed.h"
#include "solver/ops/tree_layer.h"
#include "solver/ops/vertex_progress.h"
#include "util/check.h"
#include "util/error.h"
#include "util/stats.h"
#include "util/text.h"

namespace ops {
namespace {

constexpr const char* kDefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What a shell, and our sandbox, say of a file that cannot be executed.
constexpr int kNotExecutable = 126;

/// What the C library says for ENOSPC, and with it most programs.
bool says_disk_full(const std::vector<std::string>& log_tail) {
  return std::any_of(log_tail.begin(), log_tail.end(), [](const std::string& line) {
    return line.find("No space left on device") != std::string::npos;
  });
}

/// Programs that the kernel cannot start are most often those of another architecture.
std::string hint_for(const llb::ExecOp& op, const util::ExitStatus& status, const std::vector<std::string>& log_tail) {
  if (says_disk_full(log_tail)) {
    return "what a step writes is kept in the cache: if its disk is full, `builder prune` frees space; BUILDER_ROOT puts "
           "the cache elsewhere";
  }
  const oci::Platform here = oci::Platform::local();
  if (status.shell_code() != kNotExecutable || oci::match_score(here, op.platform) > 0) return {};
  return "this step is for " + op.platform.to_string() + " and this machine is " + here.to_string() +
         ": its programs need an emulator that the kernel knows (Debian: packages qemu-user-static and binfmt-support); without one "
         "only steps that run nothing, and stages with FROM --platform=$BUILDPLATFORM, can be built";
}

[[noreturn]] void throw_process_failed(const llb::ExecOp& op, const executor::RunOutcome& outcome,
                                       std::vector<std::string> log_tail) {
  std::string message = "process " + util::quote(util::join(op.args, " ")) +
                        " did not complete successfully: exit code: " + std::to_string(outcome.status.shell_code());
  if (outcome.out_of_memory) message += ": out of memory";
  std::string hint = hint_for(op, outcome.status, log_tail);
  throw ProcessFailed(message, outcome.status, outcome.out_of_memory, std::move(log_tail), std::move(hint));
}

}  // namespace

solver::CacheMap ExecOp::cache_map(solver::OpContext&) {
  solver::CacheMap map;
  map.op_digest = llb::op_digest(vertex_->op());
  auto& parts = map.summary.parts;
  parts.emplace_back("instruction", vertex_->meta().instruction);
  for (const std::string& variable : op_.env) {
    const std::size_t equals = variable.find('=');
    parts.emplace_back("env " + variable.substr(0, equals),
                       equals == std::string::npos ? "" : variable.substr(equals + 1));
  }
  parts.emplace_back("workdir", op_.cwd);
  parts.emplace_back("user", op_.user);

  std::map<std::size_t, std::vector<cache::PathSelection>> selections;
  for (const llb::MountSpec& mount : op_.mounts) {
    if (mount.input < 0) continue;
    CHECK(static_cast<std::size_t>(mount.input) < vertex_->inputs().size());
    cache::PathSelection selection;
    // A cache is filled with the whole input; `source` selects in the cache.
    if (mount.type == llb::MountType::bind) selection.path = mount.source;
    selections[static_cast<std::size_t>(mount.input)].push_back(std::move(selection));
  }
  for (std::size_t i = 0; i < vertex_->inputs().size(); ++i) {
    // What a process writes to a mount is thrown away, so what it can see there is all that counts.
    const auto selected = selections.find(i);
    const bool in_part = i > 0 && selected != selections.end();
    map.deps.push_back(in_part ? selected_dep(services_, selected->second)
                               : whole_dep(services_, vertex_->inputs()[i]));
  }
  return map;
}

executor::ProcessSpec ExecOp::process_spec() const {
  executor::ProcessSpec process;
  process.args = op_.args;
  process.env = op_.env;
  const bool has_path = std::any_of(process.env.begin(), process.env.end(),
                                    [](const std::string& variable) { return variable.starts_with("PATH="); });
  if (!has_path) process.env.emplace_back(kDefaultPath);
  process.env.insert(process.env.end(), op_.proxy_env.begin(), op_.proxy_env.end());
  process.cwd = op_.cwd;
  process.user = op_.user;
  process.hostname = op_.hostname;
  for (const llb::HostEntry& entry : op_.extra_hosts) process.extra_hosts.emplace_back(entry.host, entry.ip);
  process.network = op_.network == llb::NetworkMode::none ? executor::NetworkMode::none : executor::NetworkMode::host;
  process.insecure = op_.security == llb::SecurityMode::insecure;
  if (op_.shm_size != 0) process.shm_size = op_.shm_size;
  process.limits = services_.limits;
  if (!op_.cgroup_parent.empty()) process.limits.cgroup_parent = op_.cgroup_parent;
  for (const llb::Ulimit& limit : op_.ulimits) process.limits.ulimits.push_back({limit.name, limit.soft, limit.hard});
  return process;
}

void ExecOp::run(const executor::ProcessSpec& process, const executor::MountPlan& plan, solver::OpContext& context) {
  StepLog log(context.progress, context.task, LogLimits::from_environment());
  const executor::ProcessIo io{[&](int stream, std::string_view data) { log.write(stream, data); }};
  static util::Counter& runs = util::counter("exec.runs");
  runs.add();
  const executor::RunOutcome outcome = services_.executor.run(process, plan, io, context.stop);
  if (!outcome.status.success()) throw_process_failed(op_, outcome, log.tail());
}

solver::Result ExecOp::exec(std::span<const solver::Result> inputs, solver::OpContext& context) {
  if (!inputs.empty() && inputs[0].tree != nullptr) throw util::Error("a local directory cannot be the root of a step");
  solver::Result result = inputs.empty() ? solver::Result{} : inputs[0];
  VertexProgress progress(context.progress, context.task);
  executor::ProcessSpec process = process_spec();
  executor::MountPlan plan;
  add_devices(op_, services_.devices, plan, process.env, context);
  // Before the mounts: of all that is waited for, caches come last.
  const std::unique_ptr<cache::ActiveSnapshot> root =
      services_.snapshots.prepare(result.layers, progress.task(), context.stop);
  plan.root = root->mounts();
  {
    const ExecMounts mounts(services_, *cleared_, *vertex_, op_, inputs, progress.task(), context.stop);
    mounts.add_to(plan, process.env);
    run(process, plan, context);
  }
  std::vector<oci::LayerEntry> changes = root->changes();
  if (!changes.empty()) changes = changed_entries(std::move(changes), *root->tree(), root->directory());
  oci::EntryVector entries(std::move(changes));
  result.layers.push_back(commit_layer(services_, *vertex_, context, result.layers, entries, nullptr, root->directory()));
  return result;
}

}  // namespace ops
