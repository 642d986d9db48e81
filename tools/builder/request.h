#pragma once

#include <string>
#include <vector>

#include "exporter/exporter.h"
#include "frontend/dockerfile/compile.h"
#include "oci/reference.h"
#include "tools/builder/build_context.h"
#include "tools/builder/build_options.h"

namespace builder {

// Flags as text become values here; every function throws UsageError naming flag and value.

/// All that a Dockerfile's meaning depends on. Reads the environment for `--build-arg NAME` and SOURCE_DATE_EPOCH.
dockerfile::FrontendRequest make_frontend_request(const BuildOptions& options, const BuildContext& context);
/// -t.
std::vector<oci::Reference> parse_tags(const BuildOptions& options);
/// -o, --push; the local store when there is none.
std::vector<exporter::OutputSpec> parse_outputs(const BuildOptions& options);

}  // namespace builder
