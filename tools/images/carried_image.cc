#include "tools/images/carried_image.h"

#include <fmt/format.h>

#include <string>
#include <utility>

#include "util/error.h"
#include "util/parallel.h"
#include "util/text.h"

namespace builder {
namespace {

constexpr unsigned kParallelDownloads = 6;

/// For error messages: a name, else the id.
std::string shown_name(const LocalImage& image) {
  return image.names.empty() ? image.id().to_string() : oci::Reference::parse(image.names.front()).familiar();
}

/// Packs a layer of a build again whose blob is not in the store any more, if it is there unpacked.
void restore(const oci::Descriptor& layer, cache::CacheDir& cache) {
  const std::optional<cache::BlobRow> known = cache.records().find_blob(layer.digest);
  if (!known || !cache.layers().has_directory(known->layer)) return;
  cache::PackOptions options{.compression = known->compression, .level = {}, .force = true};
  if (!known->variant.empty()) options.level = std::stoi(known->variant);
  cache.layers().blob(known->layer, options, false);
}

cache::LayerBlob layer_blob(const LocalImage& image, const oci::Descriptor& layer, const util::Digest& diff_id,
                            cache::CacheDir& cache) {
  const std::optional<cache::LayerRow> row = cache.records().find_layer(diff_id);
  if (!cache.content().contains(layer.digest)) restore(layer, cache);
  cache::LayerBlob blob{layer, diff_id, !cache.content().contains(layer.digest), {}};
  const bool pulled = row && row->remote;
  if (pulled) {
    blob.origin = row->remote_origin;
  } else if (!row && !image.names.empty()) {
    blob.origin = image.names.front();
  }
  // What is known of a pulled layer may be another packed form of it; the manifest wants this one.
  const bool other_form = pulled && row->remote->digest != layer.digest && blob.remote;
  if (!blob.origin.empty() && (!pulled || other_form)) cache.layers().add_remote(diff_id, layer, blob.origin);
  return blob;
}

void add_platform(CarriedImage& carried, const LocalImage& image, const PlatformImage& part, const ImageView& view,
                  cache::CacheDir& cache) {
  exporter::WrittenImage::Platform written;
  written.manifest = part.manifest;
  written.manifest.platform = part.platform;
  written.config = part.config;
  exporter::PlatformImage platform{part.platform, {}, view.config(part), 0, {}};
  platform.base_history = platform.config.history.size();
  written.created = platform.config.created;
  platform.layers = platform.config.diff_ids;
  if (part.layers.size() != platform.layers.size()) {
    throw util::Error(fmt::format("the manifest has {} layers, but the config {}", part.layers.size(), platform.layers.size()));
  }
  for (std::size_t i = 0; i < part.layers.size(); ++i) {
    written.layers.push_back(layer_blob(image, part.layers[i], platform.layers[i], cache));
  }
  carried.written.platforms.push_back(std::move(written));
  carried.platforms.push_back(std::move(platform));
}

std::string available(const LocalImage& image) {
  std::vector<std::string> names;
  for (const PlatformImage& part : image.platforms) {
    if (part.present && !part.attestation) names.push_back(part.platform.to_string());
  }
  return names.empty() ? "no platform of it is in the store; pull it" : "it is in the store for: " + util::join(names, ", ");
}

}  // namespace

CarriedImage carry(const LocalImage& image, const std::optional<oci::Platform>& platform, const ImageView& view,
                   cache::CacheDir& cache) {
  return util::with_context(fmt::format("image `{}`", shown_name(image)), [&] {
    if (!image.damage.empty()) throw util::Error(image.damage, "build or pull it again");
    CarriedImage carried;
    carried.written.descriptor = image.descriptor;
    if (platform) {
      const PlatformImage* part = image.platform(*platform);
      if (part == nullptr) throw util::Error(fmt::format("it is not here for platform {}", platform->to_string()), available(image));
      carried.written.descriptor = part->manifest;
      add_platform(carried, image, *part, view, cache);
      return carried;
    }
    for (const PlatformImage& part : image.platforms) {
      if (part.present) {
        add_platform(carried, image, part, view, cache);
      } else {
        carried.absent.push_back(part.platform);
      }
    }
    if (carried.platforms.empty()) throw util::Error("no platform of it is in the store", "pull it");
    return carried;
  });
}

void fetch_layers(const CarriedImage& image, cache::LayerStore& layers, util::ProgressTask& task, std::stop_token stop) {
  std::vector<const cache::LayerBlob*> missing;
  for (const exporter::WrittenImage::Platform& platform : image.written.platforms) {
    for (const cache::LayerBlob& layer : platform.layers) {
      if (layer.remote) missing.push_back(&layer);
    }
  }
  const auto fetch = [&](std::size_t i, const std::stop_token& own_stop) {
    const cache::LayerBlob& layer = *missing[i];
    const cache::LayerBlob found = layers.blob(layer.diff_id, {}, true, &task, own_stop);
    if (found.descriptor.digest == layer.descriptor.digest) return;
    throw util::Error(fmt::format("layer `{}` is not in the store any more", layer.descriptor.digest.to_string()),
                      "build or pull the image again");
  };
  util::for_each_parallel(missing.size(), kParallelDownloads, fetch, std::move(stop));
}

}  // namespace builder
