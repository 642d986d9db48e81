#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "cache/cache_dir.h"
#include "cache/layer_store.h"
#include "exporter/exporter.h"
#include "oci/image.h"
#include "util/progress.h"

namespace exporter {

/// A manifest (or index) with what it names, all small blobs in the content store.
struct WrittenImage {
  /// What a name should point at: manifest, or index of several platforms. Annotated with the creation time, and with
  /// `config.digest` if there is just one config.
  oci::Descriptor descriptor;
  struct Platform {
    oci::Descriptor manifest;
    oci::Descriptor config;
    std::vector<cache::LayerBlob> layers;
    std::string created;  ///< of the config
  };
  std::vector<Platform> platforms;
};

/// Layers -> packed blobs (in parallel), config with diff ids and times, manifest, index: the deep part that the image
/// exporters share. `fetch_layers`: also bring remote layer bytes into the content store (archives need them, the local
/// store and a push do not). Config times: `created` of a layer entry is the layer's, entries without layer take the
/// previous one's, a SOURCE_DATE_EPOCH clamps (FEATURES.md 6.2).
WrittenImage write_image(const ExportRequest& request, cache::CacheDir& cache, bool fetch_layers,
                         util::ProgressTask& task, std::stop_token stop);

}  // namespace exporter
