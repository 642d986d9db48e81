#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "cache/layer_store.h"
#include "cache/mount_cache.h"
#include "cache/snapshotter.h"
#include "executor/executor.h"
#include "llb/graph.h"
#include "solver/op.h"
#include "solver/ops/exec_devices.h"
#include "solver/ops/secret_store.h"
#include "source/source.h"

namespace ops {

class BackgroundPacker;

/// What the ops work with; references are borrowed and outlive the solver.
struct OpServices {
  cache::LayerStore& layers;
  cache::Snapshotter& snapshots;
  cache::MountCache& mounts;
  source::SourceSet sources = {};
  executor::Executor& executor;
  SecretStore& secrets;
  /// Packed form wanted for the layers of these vertices (they are in an exported image).
  std::optional<cache::PackOptions> pack = {};
  std::set<util::Digest> packed_vertices = {};
  /// Vertices whose directory form some RUN needs.
  std::set<util::Digest> mounted_vertices = {};
  std::string cache_mount_namespace = {};  ///< BUILDKIT_CACHE_MOUNT_NS
  /// Where steps keep temporaries, best on the store's file system; empty = the system's place.
  std::filesystem::path temporary = {};
  /// Limits of every RUN that are no part of its key (memory, cpu).
  executor::ResourceLimits limits = {};
  /// Devices that steps may use.
  DevicePolicy devices = {};
  /// Packs what later steps stand on; null = every layer is packed before its step ends.
  BackgroundPacker* packer = nullptr;
  /// Has the layers of these vertices as they are packed; null = nobody.
  cache::LayerFollower* follower = nullptr;
  std::set<util::Digest> followed_vertices = {};
};

/// Vertices (by digest) whose layers an exec below `roots` mounts or copies from.
std::set<util::Digest> vertices_needing_directories(std::span<const llb::VertexRef> roots);
/// Vertices whose new layer is part of the chain of a root.
std::set<util::Digest> vertices_in_result(std::span<const llb::VertexRef> roots);
/// Vertices of which each puts its layer on top of the chain of the one below, from `root` down.
std::set<util::Digest> vertices_in_line(const llb::VertexRef& root);

/// vertex -> Op; `services` is borrowed.
solver::OpFactory make_op_factory(OpServices& services);

}  // namespace ops
