#include "tools/images/cmd_tag.h"

#include <CLI/CLI.hpp>

#include "cache/cache_dir.h"
#include "tools/images/image_view.h"
#include "util/error.h"

namespace builder {
namespace {

int tag(const std::string& source, const std::string& target) {
  const oci::Reference name = oci::Reference::parse(target);
  if (!name.digest.empty()) throw util::Error("refusing to create a tag with a digest reference", "give NAME[:TAG]");
  if (name.familiar() == "sha256:" + name.tag) {
    throw util::Error("refusing to create an ambiguous tag using digest algorithm as name",
                      "`sha256:…` stands for an image id; choose another name");
  }
  cache::CacheDir cache(cache::default_root());
  const ImageView view(cache);
  cache.images().tag(name, view.find(source).image->descriptor);
  return 0;
}

}  // namespace

Command tag_command() {
  const auto define = [](CLI::App&) -> Action {
    return [](const Arguments& arguments) { return tag(arguments[0], arguments[1]); };
  };
  return {{"tag", "image tag"}, "Give an image a further name", "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", {2, 2}, define};
}

}  // namespace builder
