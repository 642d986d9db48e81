#pragma once

#include <cstdint>
#include <stop_token>

#include "cache/cache_dir.h"
#include "cache/layer_store.h"

namespace exporter {

/// A copy of a layer's blob in which no file is newer than `epoch` (seconds); the layer itself stays as it is.
/// Remembered, so that the same layer is not rewritten for every export. The blob's bytes must be in the content store.
/// Throws util::Error, Cancelled.
cache::LayerBlob rewrite_times(const cache::LayerBlob& blob, std::int64_t epoch, const cache::PackOptions& options,
                               cache::CacheDir& cache, std::stop_token stop);

}  // namespace exporter
