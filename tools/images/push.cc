#include "tools/images/push.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <set>
#include <utility>
#include <vector>

#include "cache/damage.h"
#include "exporter/push.h"
#include "tools/builder/render_error.h"
#include "tools/builder/usage_error.h"
#include "tools/images/carried_image.h"
#include "tools/images/image_services.h"
#include "tools/images/image_view.h"
#include "tools/images/layer_lines.h"
#include "util/error.h"

namespace builder {
namespace {

std::string outcome_text(exporter::BlobOutcome outcome, const std::string& mounted_from) {
  switch (outcome) {
    case exporter::BlobOutcome::exists:
      return "Layer already exists";
    case exporter::BlobOutcome::mounted:
      return "Mounted from " + mounted_from;
    case exporter::BlobOutcome::uploaded:
      break;
  }
  return "Pushed";
}

class ImagePusher {
 public:
  ImagePusher(const PushOptions& options, const std::filesystem::path& root, std::stop_token stop)
      : options_(options), stop_(std::move(stop)), services_(root, no_progress_, false, stop_), view_(services_.cache) {}

  void push(const oci::Reference& name);
  std::vector<oci::Reference> names_in(const oci::Reference& repository) const;

 private:
  void push_once(const oci::Reference& name);
  CarriedImage carried(const oci::Reference& name);

  const PushOptions& options_;
  std::stop_token stop_;
  util::NullProgress no_progress_;
  ImageServices services_;
  ImageView view_;
};

std::vector<oci::Reference> ImagePusher::names_in(const oci::Reference& repository) const {
  std::vector<oci::Reference> names;
  for (const LocalImage& image : view_.images()) {
    for (const std::string& text : image.names) {
      const oci::Reference name = oci::Reference::parse(text);
      if (name.name() == repository.name() && !name.tag.empty()) names.push_back(name);
    }
  }
  std::ranges::sort(names, {}, [](const oci::Reference& name) { return name.tag; });
  return names;
}

/// A registry takes an index only with all that it names; of one that was pulled for this platform there is just that part.
CarriedImage ImagePusher::carried(const oci::Reference& name) {
  const LocalImage& image = *view_.find(name.to_string()).image;
  CarriedImage whole = carry(image, options_.platform, view_, services_.cache);
  if (whole.absent.empty()) return whole;
  const auto here = std::ranges::count_if(image.platforms, [](const PlatformImage& part) { return part.present && !part.attestation; });
  if (here != 1) {
    throw util::Error(fmt::format("push `{}`: {} of its platforms are not in the store", name.familiar(), whole.absent.size()),
                      "push one of them with --platform, or pull the others first");
  }
  const PlatformImage& part = *image.platform();
  if (!options_.quiet) {
    std::cerr << fmt::format("NOTE: of `{}` only platform {} is here, and only that is pushed: {} -> {}\n", name.familiar(),
                             part.platform.to_string(), image.descriptor.digest.to_string(), part.manifest.digest.to_string());
  }
  return carry(image, part.platform, view_, services_.cache);
}

void ImagePusher::push(const oci::Reference& name) {
  cache::retry_after_damage([&] { push_once(name); });
}

void ImagePusher::push_once(const oci::Reference& name) {
  const CarriedImage image = carried(name);
  LayerLines lines(std::cout, options_.quiet ? 0 : terminal_rows(STDOUT_FILENO));
  std::set<util::Digest> layers;
  for (const exporter::WrittenImage::Platform& platform : image.written.platforms) {
    for (const cache::LayerBlob& layer : platform.layers) layers.insert(layer.descriptor.digest);
  }
  LayerTransfers progress(options_.quiet ? nullptr : &lines, layers, "pushing ", "Pushing");
  exporter::ExportRequest request;
  request.images = image.platforms;
  request.names = {name};
  const auto tell = [&](const oci::Descriptor& blob, exporter::BlobOutcome outcome, const std::string& mounted_from) {
    if (!options_.quiet && layers.contains(blob.digest)) lines.set(blob.digest, outcome_text(outcome, mounted_from));
  };
  util::ProgressTask task(progress, "push");
  exporter::push_image(image.written, request, {services_.cache, services_.registry, progress}, task, stop_, tell);
  task.done();
  const oci::Descriptor& top = image.written.descriptor;
  if (options_.quiet) {
    std::cout << name.to_string() << std::endl;
  } else {
    std::cout << fmt::format("{}: digest: {} size: {}", name.tag, top.digest.to_string(), top.size) << std::endl;
  }
}

int push_all(ImagePusher& pusher, const oci::Reference& repository) {
  const std::vector<oci::Reference> names = pusher.names_in(repository);
  if (names.empty()) throw ImageNotFound(fmt::format("no image of this machine has a name in `{}`", repository.name()), "see `builder images`");
  int status = 0;
  for (const oci::Reference& name : names) {
    if (!attempt([&] { pusher.push(name); })) status = 1;
  }
  return status;
}

}  // namespace

int push(const std::string& text, const PushOptions& options, const std::filesystem::path& root, std::stop_token stop) {
  const oci::Reference name = oci::Reference::parse(text);
  if (name.digest) throw UsageError(fmt::format("push `{}`: a name with a digest cannot be pushed", text), "give it a tag with `builder tag`");
  if (options.all_tags && has_tag_or_digest(text)) {
    throw UsageError(fmt::format("push `{}`: with --all-tags the name must have no tag", text));
  }
  ImagePusher pusher(options, root, std::move(stop));
  if (!options.quiet) {
    if (!options.all_tags && !has_tag_or_digest(text)) std::cout << "Using default tag: latest" << std::endl;
    std::cout << fmt::format("The push refers to repository [{}]", name.name()) << std::endl;
  }
  if (options.all_tags) return push_all(pusher, name);
  pusher.push(name);
  return 0;
}

}  // namespace builder
