#pragma once

#include <filesystem>

#include "tools/builder/build_options.h"

namespace builder {

/// Says what is wrong with $BUILDER_GC before anything is done. Throws util::Error.
void check_garbage_setting();

/// After a build: deletes what of the build cache was not used for long or is beyond the limits, when that is due
/// (cache/gc.h), and says so on standard error. A collection that fails is a warning.
void collect_garbage_after_build(const BuildOptions& options, const std::filesystem::path& cache_root) noexcept;

}  // namespace builder
