#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/images/image_view.h"

namespace builder {

/// What `inspect` says about a platform of an image, with docker's field names in docker's order. Size is that of the
/// unpacked layers. Throws util::Error if the image cannot be read.
nlohmann::ordered_json inspect_image(const ImageView& view, const LocalImage& image, const PlatformImage& platform);

}  // namespace builder
