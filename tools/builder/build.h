#pragma once

#include <filesystem>
#include <stop_token>

#include "tools/builder/build_options.h"

namespace builder {

/// One `builder build`, from flags to exported result. Prints progress on standard error, an image id on standard output for
/// --quiet. Throws util::Error, util::Cancelled.
void build(const BuildOptions& options, const std::filesystem::path& cache_root, std::stop_token stop);

/// `builder debug dump-llb`: parses, lowers, prints the graph.
void dump_llb(const BuildOptions& options, const std::filesystem::path& cache_root, const std::string& format);

}  // namespace builder
