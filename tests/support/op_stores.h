#pragma once

#include <unistd.h>

#include <memory>

#include "cache/content_store.h"
#include "cache/copy_snapshotter.h"
#include "cache/layer_store.h"
#include "cache/mount_cache.h"
#include "cache/record_store.h"
#include "solver/ops/op_factory.h"
#include "tests/support/fake_executor.h"
#include "tests/support/fake_op.h"
#include "tests/support/test_dir.h"

namespace test {

/// Layers belong to root: tests that store them cannot run as somebody else.
inline bool can_store_layers() {
  return geteuid() == 0;
}

/// Real stores in a directory of their own, snapshots by copies, and an executor that runs nothing.
struct OpStores {
  OpStores() {
    for (const char* name : {"tmp", "mounts", "root"}) std::filesystem::create_directories(dir / name);
    services.temporary = dir / "tmp";
  }
  /// The op of a vertex, run as the solver would run it.
  solver::Result run(const llb::VertexRef& vertex, const std::vector<solver::Result>& inputs, bool substitute = true) {
    const std::unique_ptr<solver::Op> op = factory(vertex);
    solver::OpContext context{progress, vertex->digest(), {}, substitute};
    map = op->cache_map(context);
    return op->exec(inputs, context);
  }
  std::string read(const solver::Result& result, const std::string& path) {
    return util::read_all(*layers.tree(result.layers)->open(path));
  }

  TestDir dir;
  cache::ContentStore content{dir / "oci", dir / "tmp"};
  cache::RecordStore records{dir / "cache.db"};
  cache::LayerStore layers{dir / "root", content, records};
  cache::CopySnapshotter snapshots{layers, dir / "tmp"};
  cache::MountCache mounts{dir / "mounts"};
  ops::SecretStore secrets;
  FakeExecutor executor;
  RecordingProgress progress;
  solver::CacheMap map;
  ops::OpServices services{.layers = layers, .snapshots = snapshots, .mounts = mounts, .executor = executor, .secrets = secrets};
  solver::OpFactory factory = ops::make_op_factory(services);
};

}  // namespace test
