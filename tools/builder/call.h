#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

#include "tools/builder/build_options.h"

namespace builder {

/// --call, split up: "outline,format=json".
struct CallMethod {
  std::string name = "build";  ///< build, check, outline, targets, subrequests.describe
  bool json = false;
};

/// --call, --format, --base. Throws UsageError for what is not known or does not go together.
CallMethod parse_call(const BuildOptions& options);

/// Answers a question about the Dockerfile on standard output; runs no step and moves no layer. Returns the exit status: 1 when
/// a check found something. Throws util::Error when the Dockerfile cannot be built, after a check's findings are printed.
int call(const BuildOptions& options, const CallMethod& method, const std::filesystem::path& cache_root, std::stop_token stop);

}  // namespace builder
