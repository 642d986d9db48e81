#include "tools/images/pull.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <set>
#include <utility>
#include <vector>

#include "oci/image.h"
#include "tools/builder/render_error.h"
#include "tools/builder/usage_error.h"
#include "tools/images/image_services.h"
#include "tools/images/layer_lines.h"
#include "util/parallel.h"

namespace builder {
namespace {

constexpr unsigned kParallelDownloads = 6;

class Puller {
 public:
  Puller(const PullOptions& options, const std::filesystem::path& root, std::stop_token stop)
      : options_(options), stop_(std::move(stop)), services_(root, no_progress_, true, stop_) {}

  /// `shown`: how its first line names it, "latest".
  void pull(const oci::Reference& name, const std::string& shown);
  int pull_all_tags(const oci::Reference& repository);

 private:
  oci::ResolvedImage resolve(const oci::ImageLocation& location, const oci::Reference& name);
  std::vector<oci::Descriptor> register_layers(const oci::ResolvedImage& image);
  bool fetch_layers(const std::vector<oci::Descriptor>& layers, const oci::Reference& name);
  /// False if the store had exactly that already.
  bool name_image(const oci::Reference& name, const util::Digest& top);
  template <typename... T>
  void say(fmt::format_string<T...> format, T&&... values) const {
    if (!options_.quiet) std::cout << fmt::format(format, std::forward<T>(values)...) << std::endl;
  }

  const PullOptions& options_;
  std::stop_token stop_;
  util::NullProgress no_progress_;
  ImageServices services_;
};

oci::ResolvedImage Puller::resolve(const oci::ImageLocation& location, const oci::Reference& name) {
  oci::ResolvedImage image = services_.source.resolve(location, options_.platform.value_or(oci::Platform::local()));
  const oci::Platform platform = image.config.platform.normalized();
  if (options_.platform && oci::match_score(*options_.platform, platform) == 0) {
    throw util::Error(fmt::format("pull `{}`: it is an image for {}, not for {}", name.to_string(), platform.to_string(),
                                  options_.platform->to_string()),
                      "leave --platform away, or pull another image");
  }
  return image;
}

std::vector<oci::Descriptor> Puller::register_layers(const oci::ResolvedImage& image) {
  const llb::ImageSource op{image.location, image.manifest, options_.platform.value_or(oci::Platform::local())};
  (void)services_.source.fetch(op, services_.source.pin(op, nullptr, stop_), nullptr, stop_);
  std::vector<oci::Descriptor> layers;
  std::set<util::Digest> seen;
  for (const oci::Descriptor& layer : oci::manifest_from_json(services_.cache.content().read(image.manifest)).layers) {
    if (seen.insert(layer.digest).second) layers.push_back(layer);
  }
  return layers;
}

/// True if anything had to be fetched.
bool Puller::fetch_layers(const std::vector<oci::Descriptor>& layers, const oci::Reference& name) {
  LayerLines lines(std::cout, options_.quiet ? 0 : terminal_rows(STDOUT_FILENO));
  LayerLines* shown = options_.quiet ? nullptr : &lines;
  const cache::ContentStore& content = services_.cache.content();
  std::vector<oci::Descriptor> missing;
  for (const oci::Descriptor& layer : layers) {
    if (!content.contains(layer.digest)) missing.push_back(layer);
  }
  if (missing.empty()) return false;
  for (const oci::Descriptor& layer : layers) {
    if (shown != nullptr) shown->set(layer.digest, content.contains(layer.digest) ? "Already exists" : "Pulling fs layer");
  }
  std::set<util::Digest> wanted;
  for (const oci::Descriptor& layer : missing) wanted.insert(layer.digest);
  LayerTransfers progress(shown, std::move(wanted), "", "Downloading");
  util::ProgressTask task(progress, "pull");
  const auto fetch = [&](std::size_t i, const std::stop_token& stop) {
    services_.source.fetch_blob(missing[i], name.to_string(), &task, stop);
    if (shown != nullptr) shown->set(missing[i].digest, "Pull complete");
  };
  util::for_each_parallel(missing.size(), kParallelDownloads, fetch, stop_);
  task.done();
  return true;
}

/// True if a name in that repository leads to the image, so that it can be looked up there by its digest.
bool has_name_in(cache::ImageStore& images, const oci::Reference& repository, const util::Digest& image) {
  const std::string name = repository.name();
  return std::ranges::any_of(images.list(), [&](const cache::StoredImage& stored) {
    return stored.descriptor.digest == image && (stored.name.starts_with(name + ":") || stored.name.starts_with(name + "@"));
  });
}

bool Puller::name_image(const oci::Reference& name, const util::Digest& top) {
  cache::ImageStore& images = services_.cache.images();
  const auto before = images.find(name);
  if (before && before->digest == top && (!name.digest || has_name_in(images, name, top))) return false;
  const std::string bytes = services_.cache.content().read(top);
  oci::Descriptor descriptor;
  descriptor.digest = top;
  descriptor.size = static_cast<std::int64_t>(bytes.size());
  descriptor.media_type = oci::manifest_media_type(bytes);
  if (name.digest) {
    images.name_by_digest(name, descriptor);
  } else {
    images.tag(name, descriptor);
  }
  return true;
}

void Puller::pull(const oci::Reference& name, const std::string& shown) {
  const oci::ImageLocation location{.kind = oci::ImageLocation::Kind::registry, .reference = name.to_string(),
                                    .layout_path = {}, .layout_tag = {}, .layout_digest = {}};
  const oci::ResolvedImage image = resolve(location, name);
  say("{}: Pulling from {}", shown, name.repository);
  const bool fetched = fetch_layers(register_layers(image), name);
  const bool renamed = name_image(name, image.top);
  say("Digest: {}", image.top.to_string());
  say("Status: {} {}", fetched || renamed ? "Downloaded newer image for" : "Image is up to date for", name.familiar());
}

int Puller::pull_all_tags(const oci::Reference& repository) {
  int status = 0;
  oci::Reference name{repository.domain, repository.repository, {}, {}};
  for (const std::string& tag : services_.registry.tags(name, stop_)) {
    name.tag = tag;
    if (!attempt([&] { pull(name, tag); })) status = 1;
  }
  return status;
}

}  // namespace

int pull(const std::string& text, const PullOptions& options, const std::filesystem::path& root, std::stop_token stop) {
  const oci::Reference name = oci::Reference::parse(text);
  if (options.all_tags && has_tag_or_digest(text)) {
    throw UsageError(fmt::format("pull `{}`: with --all-tags the name must have no tag", text));
  }
  if (name.name() == "docker.io/library/scratch") {
    throw util::Error("pull `scratch`: 'scratch' is a reserved name", "it stands for an empty image: use it in FROM");
  }
  Puller puller(options, root, std::move(stop));
  if (options.all_tags) {
    const int status = puller.pull_all_tags(name);
    std::cout << name.name() << std::endl;
    return status;
  }
  if (!has_tag_or_digest(text) && !options.quiet) std::cout << "Using default tag: latest" << std::endl;
  puller.pull(name, name.digest ? name.to_string() : name.tag);
  std::cout << name.to_string() << std::endl;
  return 0;
}

}  // namespace builder
