#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "cache/cache_dir.h"
#include "oci/platform.h"
#include "oci/registry.h"
#include "source/image_source.h"
#include "util/progress.h"

namespace builder {

/// What the commands that carry images work with: the store, registries, and the source that brings what is missing in the
/// store from where its base image came from.
struct ImageServices {
  /// `root`: of the store. `pull`: names mean what their registry says, nothing of this machine stands in.
  ImageServices(const std::filesystem::path& root, util::ProgressSink& progress, bool pull, std::stop_token stop);

  cache::CacheDir cache;
  oci::RegistryClient registry;
  source::ImageSource source;
};

/// --platform; nullopt when it was not given. Throws util::Error.
std::optional<oci::Platform> parse_platform(const std::string& text);

/// Has this image name a tag or a digest?
bool has_tag_or_digest(std::string_view name);

}  // namespace builder
