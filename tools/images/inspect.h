#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/images/image_view.h"

namespace builder {

/// What `inspect` says about a platform of an image, with docker's field names in docker's order. Size is that of the
/// unpacked layers. Throws util::Error if the image cannot be read.
nlohmann::ordered_json inspect_image(const ImageView& view, const LocalImage& image, const PlatformImage& platform);

/// What templates may ask of an `image` from inspect_image that has no such thing, since docker's structs have the field
/// all the same; for format::Template::execute. `ID` is another name of `Id`.
nlohmann::ordered_json optional_fields(const nlohmann::ordered_json& image);

}  // namespace builder
