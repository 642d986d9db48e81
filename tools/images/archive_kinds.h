#pragma once

#include "tools/images/archive_images.h"

namespace builder {

// The two kinds of archives, for archive_images.cc.

std::vector<LoadedImage> store_oci_images(const ArchiveStage& archive, const std::optional<oci::Platform>& platform,
                                          const cache::ContentStore& content);
std::vector<LoadedImage> store_docker_images(const ArchiveStage& archive, const std::optional<oci::Platform>& platform,
                                             const cache::ContentStore& content, const std::stop_token& stop);

/// One entry of manifest.json.
struct DockerEntry {
  std::string config;
  std::vector<std::string> names;
  std::vector<std::string> layers;
};
std::vector<DockerEntry> read_docker_manifest(const ArchiveStage& archive);

/// Throws util::Error when an image for `config` is not one for `wanted`.
void check_platform(const oci::Platform& config, const std::optional<oci::Platform>& wanted);

}  // namespace builder
