#include <cstdint>
#include <string>
#include <string_view>

#include "oci/image.h"
#include "util/check.h"
#include "util/error.h"

namespace {

/// What is accepted is written as something that is accepted and written in the same way.
template <typename Parse>
void check(std::string_view text, Parse parse) {
  std::string written;
  try {
    written = oci::to_json_text(parse(text));
  } catch (const util::Error&) {
    return;
  }
  CHECK(oci::to_json_text(parse(written)) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  check(text, oci::image_config_from_json);
  check(text, oci::manifest_from_json);
  check(text, oci::image_index_from_json);
  try {
    CHECK(!oci::manifest_media_type(text).empty());
    oci::select_platform(oci::image_index_from_json(text), {"linux", "arm", "v7", ""});
  } catch (const util::Error&) {
  }
  return 0;
}
