#pragma once

#include <memory>

#include "oci/image_resolver.h"
#include "tools/builder/build_options.h"

namespace builder {

/// What to do with a base image whose config cannot be had.
enum class WhenUnresolved { fail, take_as_empty };

/// Base images for looking at a Dockerfile without building it: `real`'s answers or, with --base=empty, none: every image then
/// counts as one of the platform asked for, without config and with files that are not known, and nobody is asked. Its digest is
/// made up. Throws UsageError for another --base.
std::unique_ptr<oci::ImageResolver> make_base_images(const BuildOptions& options, oci::ImageResolver& real, WhenUnresolved otherwise);

}  // namespace builder
