#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "oci/platform.h"

namespace builder {

struct ImportOptions {
  std::vector<std::string> changes;  ///< instructions: "CMD [\"sh\"]"
  std::string message;               ///< comment in the history
  std::optional<oci::Platform> platform;
};

/// Makes an image with one layer of a root file system archive (tar, compressed or not; "-" = standard input, or a URL) and
/// prints its id. `name`: "" = none. Throws util::Error.
void import_image(const std::string& archive, const std::string& name, const ImportOptions& options,
                  const std::filesystem::path& root, std::stop_token stop);

}  // namespace builder
