#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "oci/platform.h"

namespace builder {

struct LoadOptions {
  std::string input = "-";  ///< file, directory, or "-"
  std::optional<oci::Platform> platform;
};

/// Takes the images of an archive (docker or OCI, compressed or not) or of an OCI layout directory into the store, and
/// prints their names. All of it is read and checked before anything is stored. Throws util::Error.
void load(const LoadOptions& options, const std::filesystem::path& root, std::stop_token stop);

}  // namespace builder
