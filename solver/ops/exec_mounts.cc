#include "solver/ops/exec_mounts.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "cache/content_hash.h"
#include "cache/selection.h"
#include "solver/ops/sub_view.h"
#include "solver/ops/tree_layer.h"
#include "solver/ops/tree_writer.h"
#include "util/check.h"
#include "util/error.h"
#include "util/fs.h"

namespace ops {
namespace {

constexpr std::uint32_t kCacheMode = 0755;

cache::MountSharing sharing_of(llb::Sharing sharing) {
  switch (sharing) {
    case llb::Sharing::shared:
      return cache::MountSharing::shared;
    case llb::Sharing::private_:
      return cache::MountSharing::exclusive_or_other;
    case llb::Sharing::locked:
      return cache::MountSharing::locked;
  }
  UNREACHABLE();
}

const std::string& cache_id(const llb::MountSpec& spec) {
  return spec.id.empty() ? spec.target : spec.id;
}

/// Real path of `path` below `root`; links cannot lead out of it.
std::filesystem::path path_in_root(const std::filesystem::path& root, const std::string& path) {
  const util::Fd directory = util::open_file(root, O_PATH | O_DIRECTORY);
  const util::Fd found = util::open_in_root(directory.get(), path, O_PATH);
  return std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(found.get()));
}

}  // namespace

ExecMounts::ExecMounts(const OpServices& services, ClearedCaches& cleared, const llb::Vertex& vertex,
                       const llb::ExecOp& op, std::span<const solver::Result> inputs, util::ProgressTask* task,
                       std::stop_token stop)
    : services_(services), cleared_(cleared), op_(op), inputs_(inputs), task_(task), stop_(std::move(stop)) {
  // What is asked for and cannot be had is said before anything is waited for.
  for (const llb::MountSpec& spec : op_.mounts) {
    if (spec.type == llb::MountType::secret) add_secret(spec);
    if (spec.type == llb::MountType::ssh) add_ssh(spec);
  }
  acquire_caches(vertex.meta().ignore_cache);
  for (const llb::MountSpec& spec : op_.mounts) add(spec);
  // Parents first, else they would hide what is mounted in them.
  std::stable_sort(mounts_.begin(), mounts_.end(),
                   [](const util::Mount& a, const util::Mount& b) { return a.target < b.target; });
  for (const auto& [name, text] : op_.scripts) {
    files_.push_back(executor::InjectedFile{"/dev/pipes/" + name, text, 0755, 0, 0});
  }
}

ExecMounts::~ExecMounts() = default;

void ExecMounts::add_to(executor::MountPlan& plan, std::vector<std::string>& environment) const {
  plan.extra.insert(plan.extra.end(), mounts_.begin(), mounts_.end());
  plan.files.insert(plan.files.end(), files_.begin(), files_.end());
  plan.sockets.insert(plan.sockets.end(), sockets_.begin(), sockets_.end());
  environment.insert(environment.end(), environment_.begin(), environment_.end());
}

void ExecMounts::add(const llb::MountSpec& spec) {
  switch (spec.type) {
    case llb::MountType::bind:
      add_bind(spec);
      return;
    case llb::MountType::cache:
      add_cache(spec);
      return;
    case llb::MountType::tmpfs: {
      util::Mount mount;
      mount.type = util::Mount::Type::tmpfs;
      mount.target = spec.target;
      mount.size = spec.size;
      mount.mode = 01777;
      mount.no_suid = true;
      mounts_.push_back(std::move(mount));
      return;
    }
    case llb::MountType::secret:
    case llb::MountType::ssh:
      return;  // done already
  }
}

std::filesystem::path ExecMounts::new_temporary() {
  const std::filesystem::path parent =
      services_.temporary.empty() ? std::filesystem::temp_directory_path() : services_.temporary;
  temporaries_.emplace_back(parent, "mount");
  // The process must be able to look into it whoever it is.
  set_owner_and_mode(temporaries_.back().path(), 0, 0, 0755);
  return temporaries_.back().path();
}

void ExecMounts::add_bind(const llb::MountSpec& spec) {
  CHECK(spec.input < static_cast<int>(inputs_.size()));
  const solver::Result empty;
  const solver::Result& input = spec.input < 0 ? empty : inputs_[static_cast<std::size_t>(spec.input)];
  std::vector<cache::LayerId> chain = input.layers;
  std::string path;
  if (input.tree != nullptr) {
    // Stored as a layer, what the ignore rules leave of a local directory is mounted as everything else is.
    const std::string source = cache::resolve_path(*input.tree, spec.source, true);
    chain = {commit_tree(services_, *input.tree, source, stop_)};
    const std::optional<oci::LayerEntry> entry = input.tree->find(source);
    if (entry && !entry->is_directory()) path = cache::base_name(source);
  } else if (!util::clean_relative(spec.source).empty()) {
    cache::PathSelection selection;
    selection.path = spec.source;
    path = cache::match_selection(*tree_of(services_, input, stop_), selection).at(0).resolved;
  }
  if (chain.empty()) {
    util::Mount mount;
    mount.source = new_temporary().string();
    mount.target = spec.target;
    mount.read_only = spec.read_only;
    mounts_.push_back(std::move(mount));
    return;
  }
  std::vector<util::Mount> whole;
  if (spec.read_only) {
    whole = services_.snapshots.view(chain, task_, stop_);
  } else {
    writable_.push_back(services_.snapshots.prepare(chain, task_, stop_));
    whole = writable_.back()->mounts();
  }
  std::vector<util::Mount> part = mount_part(std::move(whole), path, spec.target, spec.read_only);
  if (!spec.read_only && part.front().read_only) {
    // A file of an overlay: the step gets a copy to write to.
    const std::filesystem::path copy = new_temporary() / "file";
    std::filesystem::copy_file(part.front().source, copy);
    const util::FileStat stat = util::stat_at(AT_FDCWD, part.front().source);
    set_owner_and_mode(copy, stat.uid, stat.gid, stat.mode);
    part.front().source = copy.string();
    part.front().read_only = false;
  }
  mounts_.insert(mounts_.end(), part.begin(), part.end());
}

std::string ExecMounts::cache_key(const llb::MountSpec& spec) const {
  std::string key = services_.cache_mount_namespace + "/" + cache_id(spec);
  if (spec.input >= 0) {
    const solver::Result& input = inputs_[static_cast<std::size_t>(spec.input)];
    key += ":" +
           (input.tree != nullptr ? cache::content_digest(*input.tree, {}, stop_) : cache::chain_id(input)).to_string();
  }
  const std::uint32_t mode = spec.mode.value_or(kCacheMode);
  if (spec.uid != 0 || spec.gid != 0 || mode != kCacheMode) key += fmt::format(":{}:{}:{:o}", spec.uid, spec.gid, mode);
  return key;
}

/// In the order of their keys, so that two steps that lock the same caches do not wait for each other.
void ExecMounts::acquire_caches(bool clear) {
  std::map<std::string, const llb::MountSpec*> wanted;
  for (const llb::MountSpec& spec : op_.mounts) {
    if (spec.type == llb::MountType::cache) wanted.emplace(cache_key(spec), &spec);
  }
  for (const auto& [key, spec] : wanted) {
    if (clear && cleared_.lock()->insert(key).second) services_.mounts.clear(key, stop_);
    const auto fill = [this, spec = spec](const std::filesystem::path& directory) { fill_cache(*spec, directory); };
    leases_[key] = services_.mounts.acquire(key, sharing_of(spec->sharing), fill, stop_);
  }
}

void ExecMounts::fill_cache(const llb::MountSpec& spec, const std::filesystem::path& directory) const {
  if (spec.input >= 0) {
    write_tree(*tree_of(services_, inputs_[static_cast<std::size_t>(spec.input)], stop_), directory, stop_);
  }
  set_owner_and_mode(directory, spec.uid, spec.gid, spec.mode.value_or(kCacheMode));
}

void ExecMounts::add_cache(const llb::MountSpec& spec) {
  std::filesystem::path directory = leases_.at(cache_key(spec))->directory();
  if (!util::clean_relative(spec.source).empty()) {
    directory = util::with_context("mount `" + spec.source + "` of cache `" + cache_id(spec) + "`",
                                   [&] { return path_in_root(directory, spec.source); });
  }
  util::Mount mount;
  mount.source = directory.string();
  mount.target = spec.target;
  mount.read_only = spec.read_only;
  mounts_.push_back(std::move(mount));
}

void ExecMounts::add_secret(const llb::MountSpec& spec) {
  const std::optional<std::string> value = services_.secrets.value(spec.id);
  if (!value && spec.required) {
    throw util::Error("secret `" + spec.id + "` is required by this step and was not given",
                      "pass it with --secret id=" + spec.id + ",src=FILE or ,env=VARIABLE");
  }
  if (!spec.env.empty()) environment_.push_back(spec.env + "=" + value.value_or(""));
  if (!value || spec.target.empty()) return;
  files_.push_back(executor::InjectedFile{spec.target, *value, spec.mode.value_or(0400), spec.uid, spec.gid});
}

void ExecMounts::add_ssh(const llb::MountSpec& spec) {
  const std::string id = spec.id.empty() ? "default" : spec.id;
  const std::optional<std::string> socket = services_.secrets.ssh_socket(id);
  if (!socket) {
    if (!spec.required) return;
    throw util::Error("ssh agent `" + id + "` is required by this step and was not given",
                      "pass it with --ssh " + id + " or --ssh " + id + "=SOCKET");
  }
  const std::string target =
      spec.target.empty() ? fmt::format("/run/buildkit/ssh_agent.{}", sockets_.size()) : spec.target;
  if (sockets_.empty()) environment_.push_back("SSH_AUTH_SOCK=" + target);
  sockets_.push_back({*socket, target, spec.mode.value_or(0600), spec.uid, spec.gid});
}

}  // namespace ops
