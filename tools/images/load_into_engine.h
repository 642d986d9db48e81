#pragma once

#include <stop_token>
#include <vector>

#include "cache/cache_dir.h"
#include "oci/descriptor.h"
#include "oci/reference.h"
#include "tools/images/engine.h"
#include "util/progress.h"

namespace builder {

/// Hands an image of the store to an engine, under these names: straight from the store, as a docker archive. An engine that
/// has it already gets the names only. Throws util::Error.
void load_into_engine(Engine& engine, const oci::Descriptor& image, const std::vector<oci::Reference>& names,
                      cache::CacheDir& cache, util::ProgressSink& progress, std::stop_token stop);

}  // namespace builder
