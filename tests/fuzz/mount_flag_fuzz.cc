#include <cstdint>
#include <string>
#include <string_view>

#include "frontend/dockerfile/mount_flag.h"
#include "util/check.h"
#include "util/error.h"

using namespace dockerfile;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    MountFlag mount = parse_mount_flag(text, [](std::string_view value) { return std::string(value); });
    CHECK(mount.has_target == !mount.spec.target.empty());
    check_mount_flag(text);
  } catch (const util::Error&) {
  }
  try {
    CHECK(!parse_device_flag(text).name.empty());
  } catch (const util::Error&) {
  }
  return 0;
}
