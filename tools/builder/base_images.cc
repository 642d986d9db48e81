#include "tools/builder/base_images.h"

#include <fmt/format.h>

#include "tools/builder/usage_error.h"
#include "util/digest.h"
#include "util/error.h"

namespace builder {
namespace {

oci::ResolvedImage empty_image(const oci::ImageLocation& location, const oci::Platform& platform) {
  oci::ResolvedImage image;
  image.location = location;
  // Stands for the one that is not known; different for different images.
  image.manifest = image.top = util::sha256_of("not resolved: " + location.reference + location.layout_path + ":" + location.layout_tag);
  image.config.platform = platform;
  // Without layers it would be `scratch`, and no step could be told from one on that.
  image.config.diff_ids = {util::sha256_of("")};
  return image;
}

class EmptyImages final : public oci::ImageResolver {
 public:
  oci::ResolvedImage resolve(const oci::ImageLocation& location, const oci::Platform& platform) override {
    return empty_image(location, platform);
  }
};

class RealImages final : public oci::ImageResolver {
 public:
  RealImages(oci::ImageResolver& real, WhenUnresolved otherwise) : real_(real), otherwise_(otherwise) {}
  oci::ResolvedImage resolve(const oci::ImageLocation& location, const oci::Platform& platform) override {
    try {
      return real_.resolve(location, platform);
    } catch (const util::Cancelled&) {
      throw;
    } catch (const util::Error&) {
      if (otherwise_ == WhenUnresolved::fail) throw;
      return empty_image(location, platform);
    }
  }

 private:
  oci::ImageResolver& real_;
  WhenUnresolved otherwise_;
};

}  // namespace

std::unique_ptr<oci::ImageResolver> make_base_images(const BuildOptions& options, oci::ImageResolver& real, WhenUnresolved otherwise) {
  if (options.base == "empty") return std::make_unique<EmptyImages>();
  if (options.base != "resolve") throw UsageError(fmt::format("--base `{}`: unknown", options.base), "known: resolve, empty");
  return std::make_unique<RealImages>(real, otherwise);
}

}  // namespace builder
