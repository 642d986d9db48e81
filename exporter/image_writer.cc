#include "exporter/image_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "exporter/annotations.h"
#include "exporter/epoch.h"
#include "exporter/image_history.h"
#include "exporter/rewrite_times.h"
#include "util/error.h"
#include "util/parallel.h"
#include "util/time.h"

namespace exporter {
namespace {

constexpr const char* kCreatedAnnotation = "org.opencontainers.image.created";
constexpr const char* kConfigAnnotation = "config.digest";

/// Runs one part of the task, shown from its beginning to its end.
template <typename F>
auto part(util::ProgressTask& task, const std::string& name, F&& f) {
  task.bytes(name, 0, 0);
  auto result = f();
  task.bytes(name, 0, 0, true);
  return result;
}

bool wants_rewrite(const OutputSpec& output) {
  auto attribute = output.other.find("rewrite-timestamp");
  return attribute != output.other.end() && attribute->second == "true";
}

/// Annotations of layers that are notes of a builder to itself.
bool is_internal(const std::string& annotation) {
  return annotation == "containerd.io/uncompressed" || annotation == "buildkit/createdat" ||
         annotation.starts_with("containerd.io/distribution.source.");
}

/// As it stands in the manifest of this output.
oci::Descriptor layer_descriptor(const oci::Descriptor& blob, bool oci_media_types) {
  oci::Descriptor descriptor;
  descriptor.media_type = oci::layer_media_type(oci::layer_compression(blob.media_type), !oci_media_types);
  descriptor.digest = blob.digest;
  descriptor.size = blob.size;
  for (const auto& [name, value] : blob.annotations) {
    if (oci_media_types && !is_internal(name)) descriptor.annotations[name] = value;
  }
  return descriptor;
}

/// Blobs of all layers of all images; a layer that several platforms share is packed once.
std::map<cache::LayerId, cache::LayerBlob> pack_layers(const ExportRequest& request, cache::CacheDir& cache, bool fetch,
                                                       util::ProgressTask& task, const std::stop_token& stop) {
  std::map<cache::LayerId, cache::LayerBlob> blobs;
  for (const PlatformImage& image : request.images) {
    for (const cache::LayerId& id : image.layers) blobs.try_emplace(id);
  }
  std::vector<std::map<cache::LayerId, cache::LayerBlob>::iterator> todo;
  for (auto entry = blobs.begin(); entry != blobs.end(); ++entry) todo.push_back(entry);
  auto pack = [&](std::size_t i, const std::stop_token& own_stop) {
    todo[i]->second = cache.layers().blob(todo[i]->first, request.output.pack, fetch, &task, own_stop);
  };
  util::for_each_parallel(todo.size(), 0, pack, stop);
  return blobs;
}

/// The blobs of one image from the bottom, new ones with their times clamped where that is asked for.
std::vector<cache::LayerBlob> image_layers(const PlatformImage& image, const ExportRequest& request,
                                           const std::map<cache::LayerId, cache::LayerBlob>& blobs,
                                           cache::CacheDir& cache, const std::stop_token& stop) {
  std::vector<cache::LayerBlob> layers;
  for (const cache::LayerId& id : image.layers) layers.push_back(blobs.at(id));
  std::optional<std::int64_t> epoch = effective_epoch(request.output, image.source_date_epoch);
  if (!wants_rewrite(request.output)) return layers;
  if (!epoch) {
    throw util::Error("output attribute `rewrite-timestamp`: there is no time to set",
                      "give --build-arg SOURCE_DATE_EPOCH=SECONDS or the attribute source-date-epoch=SECONDS");
  }
  auto rewrite = [&](std::size_t i, const std::stop_token& own_stop) {
    // A layer of the base image has to stay what it is.
    std::optional<cache::LayerRow> row = cache.records().find_layer(image.layers[i]);
    if (row && row->remote) return;
    layers[i] = rewrite_times(layers[i], *epoch, request.output.pack, cache, own_stop);
  };
  util::for_each_parallel(layers.size(), 0, rewrite, stop);
  return layers;
}

oci::ImageConfig image_config(const PlatformImage& image, const ExportRequest& request,
                              const std::vector<cache::LayerBlob>& layers, cache::CacheDir& cache) {
  oci::ImageConfig config = image.config;
  config.platform = image.platform;
  config.diff_ids.clear();
  std::vector<std::int64_t> times;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    config.diff_ids.push_back(layers[i].diff_id);
    times.push_back(cache.layers().created(image.layers[i]));
  }
  complete_history(config, times, image.base_history, effective_epoch(request.output, image.source_date_epoch));
  return config;
}

oci::Descriptor put_document(cache::CacheDir& cache, std::string_view media_type, const std::string& text) {
  cache::BlobInfo blob = cache.content().put(text);
  oci::Descriptor descriptor;
  descriptor.media_type = media_type;
  descriptor.digest = blob.digest;
  descriptor.size = static_cast<std::int64_t>(blob.size);
  return descriptor;
}

/// Config and manifest of one platform.
WrittenImage::Platform write_platform(const PlatformImage& image, const ExportRequest& request,
                                      std::vector<cache::LayerBlob> layers, cache::CacheDir& cache,
                                      util::ProgressTask& task) {
  bool oci_types = request.output.oci_media_types;
  WrittenImage::Platform written;
  oci::ImageConfig config = image_config(image, request, layers, cache);
  std::string config_text = oci::to_json_text(config);
  written.config = part(task, "exporting config " + util::sha256_of(config_text).to_string(), [&] {
    return put_document(cache, oci_types ? oci::kOciConfig : oci::kDockerConfig, config_text);
  });

  oci::Manifest manifest;
  manifest.media_type = oci_types ? oci::kOciManifest : oci::kDockerManifest;
  manifest.config = written.config;
  for (const cache::LayerBlob& layer : layers) manifest.layers.push_back(layer_descriptor(layer.descriptor, oci_types));
  manifest.annotations = annotations_for(request.output, "manifest", &image.platform);
  std::string manifest_text = oci::to_json_text(manifest);
  written.manifest = part(task, "exporting manifest " + util::sha256_of(manifest_text).to_string(),
                          [&] { return put_document(cache, manifest.media_type, manifest_text); });
  written.manifest.platform = image.platform;
  written.manifest.annotations = annotations_for(request.output, "manifest-descriptor", &image.platform);
  written.layers = std::move(layers);
  written.created = config.created;
  return written;
}

oci::Descriptor write_index(const ExportRequest& request, const WrittenImage& image, cache::CacheDir& cache,
                            util::ProgressTask& task) {
  oci::ImageIndex index;
  index.media_type = request.output.oci_media_types ? oci::kOciIndex : oci::kDockerIndex;
  for (const WrittenImage::Platform& platform : image.platforms) index.manifests.push_back(platform.manifest);
  index.annotations = annotations_for(request.output, "index", nullptr);
  std::string text = oci::to_json_text(index);
  oci::Descriptor descriptor = part(task, "exporting manifest list " + util::sha256_of(text).to_string(),
                                    [&] { return put_document(cache, index.media_type, text); });
  descriptor.annotations = annotations_for(request.output, "index-descriptor", nullptr);
  return descriptor;
}

}  // namespace

WrittenImage write_image(const ExportRequest& request, cache::CacheDir& cache, bool fetch_layers,
                         util::ProgressTask& task, std::stop_token stop) {
  if (request.images.empty()) throw util::Error("export image: the build has no result");
  check_annotations(request);
  WrittenImage image;
  std::vector<std::vector<cache::LayerBlob>> layers = part(task, "exporting layers", [&] {
    std::map<cache::LayerId, cache::LayerBlob> blobs = pack_layers(request, cache, fetch_layers, task, stop);
    std::vector<std::vector<cache::LayerBlob>> result;
    for (const PlatformImage& platform : request.images) {
      result.push_back(image_layers(platform, request, blobs, cache, stop));
    }
    return result;
  });
  for (std::size_t i = 0; i < request.images.size(); ++i) {
    image.platforms.push_back(write_platform(request.images[i], request, std::move(layers[i]), cache, task));
  }
  bool needs_index = request.index || image.platforms.size() > 1;
  image.descriptor = needs_index ? write_index(request, image, cache, task) : image.platforms[0].manifest;
  if (!needs_index) image.descriptor.annotations[kConfigAnnotation] = image.platforms[0].config.digest.to_string();
  // The newest part's time, not today's: the same build is to be the same archive.
  for (const WrittenImage::Platform& platform : image.platforms) {
    std::string& created = image.descriptor.annotations[kCreatedAnnotation];
    created = std::max(created, platform.created);
  }
  return image;
}

}  // namespace exporter
