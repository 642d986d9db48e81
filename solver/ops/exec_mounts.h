#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/mount_cache.h"
#include "cache/snapshotter.h"
#include "executor/executor.h"
#include "llb/op.h"
#include "solver/op.h"
#include "solver/ops/op_factory.h"
#include "util/sync.h"
#include "util/temp.h"

namespace ops {

/// Cache mounts that this build has emptied already because of --no-cache: each is emptied once.
using ClearedCaches = util::Sync<std::set<std::string>>;

/// The RUN --mounts of one step: makes what they need, says how to mount it, and holds leases and temporaries until the
/// step has ended. Throws util::Error (a required secret is missing, a source is not there), Cancelled.
class ExecMounts {
 public:
  ExecMounts(const OpServices& services, ClearedCaches& cleared, const llb::Vertex& vertex, const llb::ExecOp& op,
             std::span<const solver::Result> inputs, util::ProgressTask* task, std::stop_token stop);
  ~ExecMounts();

  /// Adds mounts, files and sockets to the plan and variables to the environment.
  void add_to(executor::MountPlan& plan, std::vector<std::string>& environment) const;

 private:
  void acquire_caches(bool clear);
  void add(const llb::MountSpec& spec);
  void add_bind(const llb::MountSpec& spec);
  void add_cache(const llb::MountSpec& spec);
  void add_secret(const llb::MountSpec& spec);
  void add_ssh(const llb::MountSpec& spec);
  std::string cache_key(const llb::MountSpec& spec) const;
  void fill_cache(const llb::MountSpec& spec, const std::filesystem::path& directory) const;
  std::filesystem::path new_temporary();

  const OpServices& services_;
  ClearedCaches& cleared_;
  const llb::ExecOp& op_;
  std::span<const solver::Result> inputs_;
  util::ProgressTask* task_;
  std::stop_token stop_;

  std::vector<util::Mount> mounts_;
  std::vector<executor::InjectedFile> files_;
  std::vector<executor::MountPlan::Socket> sockets_;
  std::vector<std::string> environment_;
  std::map<std::string, std::unique_ptr<cache::MountLease>> leases_;  // by cache key
  std::vector<std::unique_ptr<cache::ActiveSnapshot>> writable_;      // thrown away afterwards
  std::vector<util::TempDir> temporaries_;
};

}  // namespace ops
