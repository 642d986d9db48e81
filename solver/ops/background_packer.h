#pragma once

#include <stop_token>

#include "cache/layer_store.h"
#include "util/worker_pool.h"

namespace ops {

/// Packs layers while later steps run, so that the export finds them packed. One thread; thread-safe. The destructor
/// abandons what is not packed yet.
class BackgroundPacker {
 public:
  BackgroundPacker(cache::LayerStore& layers, cache::PackOptions options) : layers_(layers), options_(options), thread_(1) {}
  ~BackgroundPacker() { stop_.request_stop(); }
  /// A layer that has its directory form. A failure is not reported: the export packs it again, and fails then.
  void add(const cache::LayerId& id);

 private:
  cache::LayerStore& layers_;
  cache::PackOptions options_;
  std::stop_source stop_;
  util::WorkerPool thread_;
};

}  // namespace ops
