#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "oci/platform.h"

namespace builder {

struct PullOptions {
  std::optional<oci::Platform> platform;  ///< nullopt = of this machine
  bool all_tags = false;
  bool quiet = false;  ///< print just the name
};

/// Brings an image from its registry into the store: documents, and every layer that is not there yet. Tells about it on
/// standard output as docker does. Throws util::Error; what has arrived by then is not fetched again.
int pull(const std::string& name, const PullOptions& options, const std::filesystem::path& root, std::stop_token stop);

}  // namespace builder
