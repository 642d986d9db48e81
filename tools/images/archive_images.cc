#include "tools/images/archive_images.h"

#include <fmt/format.h>

#include "tools/images/archive_kinds.h"
#include "util/error.h"

namespace builder {

void check_platform(const oci::Platform& config, const std::optional<oci::Platform>& wanted) {
  if (!wanted || oci::match_score(*wanted, config.normalized()) != 0) return;
  throw util::Error(fmt::format("its image is for {}, not for {}", config.normalized().to_string(), wanted->to_string()));
}

std::vector<LoadedImage> store_images(const ArchiveStage& archive, const std::optional<oci::Platform>& platform,
                                      const cache::ContentStore& content, const std::stop_token& stop) {
  if (archive.contains("oci-layout") && archive.contains("index.json")) return store_oci_images(archive, platform, content);
  if (archive.contains("manifest.json")) return store_docker_images(archive, platform, content, stop);
  if (archive.contains("repositories")) {
    throw util::Error("it is an archive of a docker before 1.10", "load and save it with a newer docker first");
  }
  throw util::Error("it is no image archive: there is neither index.json nor manifest.json in it",
                    "`builder import` makes an image of a root file system archive");
}

}  // namespace builder
