#include "source/image_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <map>
#include <mutex>
#include <optional>
#include <set>

#include "oci/image.h"
#include "source/image_origin.h"
#include "util/error.h"
#include "util/log.h"
#include "util/sync.h"
#include "util/text.h"

namespace source {
namespace {

using oci::ImageLocation;
using oci::RegistryError;

constexpr int kMaxNesting = 4;

/// A manifest with its config.
struct Image {
  util::Digest digest;
  oci::Manifest manifest;
  oci::ImageConfig config;
};

std::string key_of(const ImageLocation& location, const oci::Platform& platform) {
  bool layout = location.kind == ImageLocation::Kind::layout;
  std::string name = layout ? fmt::format("layout\n{}\n{}\n{}", location.layout_path, location.layout_tag,
                                          location.layout_digest.to_string())
                            : "registry\n" + oci::Reference::parse(location.reference).to_string();
  return fmt::format("{}\n{}\n{}", name, platform.to_string(), platform.os_version);
}

std::string fact_key(const oci::Reference& reference, const oci::Platform& platform) {
  return fmt::format("tag:{}|{}", reference.to_string(), platform.to_string());
}

std::string available(const oci::ImageIndex& index) {
  std::set<std::string> names;
  for (const oci::Descriptor& entry : index.manifests) {
    if (entry.platform && entry.platform->os != "unknown") names.insert(entry.platform->to_string());
  }
  std::vector<std::string> list(names.begin(), names.end());
  return list.empty() ? "the image names no platforms" : "the image is there for: " + util::join(list, ", ");
}

/// May an image of this machine stand in for what the registry would say?
bool may_stand_in(const RegistryError& error) {
  return error.kind() != RegistryError::Kind::refused;
}

}  // namespace

struct ImageSource::State {
  cache::ContentStore& content;
  cache::LayerStore& layers;
  cache::ImageStore& images;
  cache::RecordStore& records;
  oci::RegistryClient& registry;
  util::ProgressSink& progress;
  Options options;

  using Resolution = std::shared_future<oci::ResolvedImage>;
  util::Sync<std::map<std::string, Resolution>> resolved{};
  /// Manifests that were found on this machine: the named registry need not have their layers.
  util::Sync<std::set<util::Digest>> local_manifests{};
  util::Sync<std::map<util::Digest, std::weak_ptr<std::mutex>>> transfers{};
  /// Where this build saw a blob, for when the place that was remembered with the layer has it no more.
  util::Sync<std::map<util::Digest, std::set<std::string>>> origins{};

  oci::ResolvedImage resolve(const ImageLocation& location, const oci::Platform& platform);
  util::Digest find_top(const ImageOrigin& origin, const oci::Platform& platform);
  util::Digest ask_registry(const ImageOrigin& origin, const oci::Platform& platform);
  std::optional<util::Digest> stand_in(const ImageOrigin& origin, const oci::Platform& platform,
                                       const RegistryError& error);
  std::optional<util::Digest> remembered(const oci::Reference& reference, const oci::Platform& platform);
  bool complete(const util::Digest& top, const oci::Platform& platform);
  Image load(const ImageOrigin& origin, const util::Digest& top, const oci::Platform* platform,
             std::stop_token stop) const;
  std::shared_ptr<std::mutex> transfer_mutex(const util::Digest& digest);
  void download(const oci::Descriptor& blob, const std::string& origin, util::ProgressTask* task, std::stop_token stop);
};

/// Follows indexes down to the manifest of the platform. Without a platform `top` must be a manifest.
Image ImageSource::State::load(const ImageOrigin& origin, const util::Digest& top, const oci::Platform* platform,
                               std::stop_token stop) const {
  util::Digest digest = top;
  std::string bytes = origin.manifest(digest, stop);
  for (int depth = 0; oci::is_index(oci::manifest_media_type(bytes)); ++depth) {
    oci::ImageIndex index = oci::image_index_from_json(bytes);
    const oci::Descriptor* entry = platform == nullptr ? nullptr : oci::select_platform(index, *platform);
    if (entry == nullptr) {
      throw util::Error(
          fmt::format("no image for platform `{}`", platform == nullptr ? "unknown" : platform->to_string()),
          available(index));
    }
    if (depth == kMaxNesting) throw util::Error("image indexes are nested too deeply");
    digest = entry->digest;
    bytes = origin.manifest(digest, stop);
  }
  Image image;
  image.digest = digest;
  image.manifest = oci::manifest_from_json(bytes);
  image.config = oci::image_config_from_json(origin.config(image.manifest.config, stop));
  if (image.manifest.layers.size() != image.config.diff_ids.size()) {
    throw util::Error(
        fmt::format("the manifest has {} layers, but the config {} (type `{}`)", image.manifest.layers.size(),
                    image.config.diff_ids.size(), image.manifest.config.media_type),
        "this is not a container image");
  }
  return image;
}

/// Are the documents of this image here, so that resolving it again needs no request?
bool ImageSource::State::complete(const util::Digest& top, const oci::Platform& platform) {
  try {
    util::Digest digest = top;
    for (int depth = 0; depth <= kMaxNesting; ++depth) {
      if (!content.contains(digest)) return false;
      std::string bytes = content.read(digest);
      if (!oci::is_index(oci::manifest_media_type(bytes))) {
        return content.contains(oci::manifest_from_json(bytes).config.digest);
      }
      oci::ImageIndex index = oci::image_index_from_json(bytes);
      const oci::Descriptor* entry = oci::select_platform(index, platform);
      if (entry == nullptr) return true;  // for sure: the error needs no request either
      digest = entry->digest;
    }
  } catch (const util::Error&) {
    // Damaged documents are fetched again.
  }
  return false;
}

std::optional<util::Digest> ImageSource::State::remembered(const oci::Reference& reference,
                                                           const oci::Platform& platform) {
  auto fact = records.find_fact(fact_key(reference, platform));
  if (!fact) return std::nullopt;
  return util::Digest::find(fact->first);
}

util::Digest ImageSource::State::ask_registry(const ImageOrigin& origin, const oci::Platform& platform) {
  const oci::Reference& reference = origin.reference();
  std::optional<util::Digest> known = remembered(reference, platform);
  bool here = known && complete(*known, platform);
  util::Digest top = here ? registry.head(reference, options.stop).digest : origin.top(options.stop).descriptor.digest;
  if (!known || *known != top) records.save_fact(fact_key(reference, platform), top.to_string());
  return top;
}

std::optional<util::Digest> ImageSource::State::stand_in(const ImageOrigin& origin, const oci::Platform& platform,
                                                         const RegistryError& error) {
  const oci::Reference& reference = origin.reference();
  if (auto stored = images.find(reference); stored && complete(stored->digest, platform)) {
    util::log_warning(fmt::format("{}; using the image `{}` of this machine", error.message(), reference.familiar()));
    local_manifests.lock()->insert(stored->digest);
    return stored->digest;
  }
  if (error.kind() != RegistryError::Kind::unreachable) return std::nullopt;
  auto known = remembered(reference, platform);
  if (!known || !complete(*known, platform)) return std::nullopt;
  util::log_warning(fmt::format("{}; using `{}` as it was resolved last", error.message(), reference.familiar()));
  return known;
}

util::Digest ImageSource::State::find_top(const ImageOrigin& origin, const oci::Platform& platform) {
  if (origin.is_layout()) return origin.top(options.stop).descriptor.digest;
  if (const util::Digest& digest = origin.reference().digest) {
    if (content.contains(digest)) local_manifests.lock()->insert(digest);
    return digest;
  }
  try {
    return ask_registry(origin, platform);
  } catch (const RegistryError& error) {
    if (options.pull || !may_stand_in(error)) throw;
    auto local = stand_in(origin, platform, error);
    if (!local) throw;
    return *local;
  }
}

oci::ResolvedImage ImageSource::State::resolve(const ImageLocation& location, const oci::Platform& platform) {
  bool layout = location.kind == ImageLocation::Kind::layout;
  std::string name = layout ? fmt::format("oci-layout://{}{}{}", location.layout_path,
                                          location.layout_tag.empty() ? "" : ":", location.layout_tag)
                            : oci::Reference::parse(location.reference).to_string();
  util::ProgressTask task(progress, "[internal] load metadata for " + name);
  try {
    ImageOrigin origin(location, content, registry);
    util::Digest top = find_top(origin, platform);
    Image image = util::with_context(fmt::format("load image `{}`", name),
                                     [&] { return load(origin, top, &platform, options.stop); });
    if (local_manifests.lock()->contains(top)) local_manifests.lock()->insert(image.digest);
    task.done();
    return {location, image.digest, top, std::move(image.config)};
  } catch (const util::Error& error) {
    task.fail(error.message());
    throw;
  }
}

ImageSource::ImageSource(cache::ContentStore& content, cache::LayerStore& layers, cache::ImageStore& images,
                         cache::RecordStore& records, oci::RegistryClient& registry, util::ProgressSink& progress,
                         Options options)
    : state_(new State{content, layers, images, records, registry, progress, std::move(options)}) {}
ImageSource::~ImageSource() = default;

oci::ResolvedImage ImageSource::resolve(const ImageLocation& location, const oci::Platform& platform) {
  std::promise<oci::ResolvedImage> promise;
  State::Resolution resolution;
  bool first = false;
  {
    auto resolved = state_->resolved.lock();
    auto [entry, inserted] = resolved->try_emplace(key_of(location, platform));
    first = inserted;
    if (first) entry->second = promise.get_future().share();
    resolution = entry->second;
  }
  if (first) {
    try {
      promise.set_value(state_->resolve(location, platform));
    } catch (...) {
      promise.set_exception(std::current_exception());
    }
  }
  // Callers add context to what they catch, so each gets an error of its own.
  try {
    oci::ResolvedImage result = resolution.get();
    result.location = location;
    return result;
  } catch (const util::Cancelled&) {
    throw;
  } catch (const RegistryError& error) {
    throw RegistryError(error);
  } catch (const util::Error& error) {
    throw util::Error(error);
  }
}

Pin ImageSource::pin(const llb::SourceOp& op, util::ProgressTask*, std::stop_token) {
  const auto& image = std::get<llb::ImageSource>(op);
  ImageOrigin origin(image.location, state_->content, state_->registry);
  return {image.manifest, fmt::format("{}@{}", origin.display(), image.manifest.to_string())};
}

cache::Result ImageSource::fetch(const llb::SourceOp& op, const Pin& pin, util::ProgressTask*, std::stop_token stop) {
  const auto& source = std::get<llb::ImageSource>(op);
  ImageOrigin origin(source.location, state_->content, state_->registry);
  Image image = util::with_context(fmt::format("load image `{}`", origin.display()),
                                   [&] { return state_->load(origin, pin.digest, &source.platform, stop); });
  bool local = state_->local_manifests.lock()->contains(image.digest);
  cache::Result result;
  for (std::size_t i = 0; i < image.manifest.layers.size(); ++i) {
    const util::Digest& diff_id = image.config.diff_ids[i];
    const oci::Descriptor& layer = image.manifest.layers[i];
    (*state_->origins.lock())[layer.digest].insert(origin.to_string());
    // A layer of a local image may still have to come from where its own base came from.
    if (!local || !state_->layers.contains(diff_id)) state_->layers.add_remote(diff_id, layer, origin.to_string());
    result.layers.push_back(diff_id);
  }
  return result;
}

bool ImageSource::is_here(const cache::Result& image) {
  return std::ranges::all_of(image.layers, [&](const cache::LayerId& layer) { return state_->layers.is_here(layer); });
}

std::shared_ptr<std::mutex> ImageSource::State::transfer_mutex(const util::Digest& digest) {
  auto all = transfers.lock();
  std::weak_ptr<std::mutex>& entry = (*all)[digest];
  std::shared_ptr<std::mutex> mutex = entry.lock();
  if (!mutex) entry = mutex = std::make_shared<std::mutex>();
  return mutex;
}

void ImageSource::fetch_blob(const oci::Descriptor& blob, const std::string& origin, util::ProgressTask* task,
                             std::stop_token stop) {
  if (state_->content.contains(blob.digest)) return;
  std::shared_ptr<std::mutex> mutex = state_->transfer_mutex(blob.digest);
  std::lock_guard lock(*mutex);
  if (!state_->content.contains(blob.digest)) state_->download(blob, origin, task, stop);
}

void ImageSource::State::download(const oci::Descriptor& blob, const std::string& origin, util::ProgressTask* task,
                                  std::stop_token stop) {
  std::set<std::string> others = (*origins.lock())[blob.digest];
  others.erase(origin);
  try {
    return ImageOrigin::parse(origin, content, registry).blob(blob, task, stop);
  } catch (const util::Cancelled&) {
    throw;
  } catch (const util::Error& error) {
    if (others.empty()) throw;
    util::log_warning(error.message());
  }
  while (others.size() > 1) {
    try {
      return ImageOrigin::parse(others.extract(others.begin()).value(), content, registry).blob(blob, task, stop);
    } catch (const util::Cancelled&) {
      throw;
    } catch (const util::Error& error) {
      util::log_warning(error.message());
    }
  }
  ImageOrigin::parse(*others.begin(), content, registry).blob(blob, task, stop);
}

}  // namespace source
