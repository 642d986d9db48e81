#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "oci/platform.h"

namespace builder {

struct ExportOptions {
  std::string output = "-";
  std::optional<oci::Platform> platform;  ///< nullopt = that of this machine, else the first
};

/// Writes the root file system of an image as a tar archive. Works on unpacked layers: call it inside of the user namespace.
/// Throws util::Error; then there is no new file.
void export_image(const std::string& name, const ExportOptions& options, const std::filesystem::path& root, std::stop_token stop);

}  // namespace builder
