#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "oci/platform.h"

namespace builder {

struct PushOptions {
  std::optional<oci::Platform> platform;  ///< of an image for several, just that one
  bool all_tags = false;
  bool quiet = false;  ///< print just the names
};

/// Pushes an image of the store under its name to the registry in that name. Tells about it on standard output as docker
/// does. What a push that failed has sent is not sent again. Returns the exit code; throws util::Error.
int push(const std::string& name, const PushOptions& options, const std::filesystem::path& root, std::stop_token stop);

}  // namespace builder
