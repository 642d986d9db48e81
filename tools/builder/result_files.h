#pragma once

#include <vector>

#include "exporter/exporter.h"
#include "tools/builder/build_options.h"

namespace builder {

/// --iidfile is removed before the build, so that a failed one leaves no old id behind.
void remove_stale_result_files(const BuildOptions& options);

/// --iidfile, --metadata-file (FEATURES.md 2.4), and for --quiet the image id on standard output.
void write_result_files(const BuildOptions& options, const std::vector<exporter::ExportReport>& reports);

}  // namespace builder
