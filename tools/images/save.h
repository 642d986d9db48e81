#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "oci/platform.h"

namespace builder {

struct SaveOptions {
  std::string output = "-";
  std::string format = "docker";  ///< docker, oci: archives; oci-dir
  std::optional<oci::Platform> platform;
};

/// Writes images of the store into one archive, or OCI layout directory. Throws util::Error; then there is no new file.
void save(const std::vector<std::string>& names, const SaveOptions& options, const std::filesystem::path& root,
          std::stop_token stop);

}  // namespace builder
