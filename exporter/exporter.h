#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/cache_dir.h"
#include "cache/layer_store.h"
#include "cache/result.h"
#include "oci/descriptor.h"
#include "oci/image.h"
#include "oci/reference.h"
#include "oci/registry.h"
#include "util/progress.h"

namespace exporter {

/// A built image of one platform.
struct PlatformImage {
  oci::Platform platform;
  std::vector<cache::LayerId> layers;             ///< from the bottom
  oci::ImageConfig config;                        ///< diff_ids and times are filled in by ImageWriter
  std::size_t base_history = 0;                   ///< leading history entries of the base image
  std::optional<std::int64_t> source_date_epoch;  ///< seconds
};

/// One `--output`, parsed.
struct OutputSpec {
  std::string type;         ///< image, oci, docker, tar, local, registry, cacheonly
  std::string destination;  ///< path; "-" = standard output; empty where none is needed
  bool tar = true;          ///< oci, docker: archive, else directory
  bool push = false;
  std::vector<std::string> names;  ///< name=a,b
  cache::PackOptions pack;
  bool oci_media_types = true;
  /// Key, or "TARGETS:KEY" with TARGETS a comma list of manifest (the default), index, manifest-descriptor,
  /// index-descriptor, each possibly for one "[platform]" (as --annotation writes them).
  std::map<std::string, std::string> annotations;
  std::map<std::string, std::string> other;  ///< attributes kept for their exporter
};
/// `--output` text: bare path = local, "-" = tar to standard output, else CSV `type=…,k=v`. Throws util::Error with a
/// suggestion for an unknown type or attribute.
OutputSpec parse_output(const std::string& text);

struct ExportRequest {
  std::vector<PlatformImage> images;
  std::vector<oci::Reference> names;  ///< -t, and name= of the output
  OutputSpec output;
  bool index = false;  ///< an index even for a single platform (BUILDKIT_MULTI_PLATFORM=1)
};

struct ExportReport {
  std::optional<oci::Descriptor> descriptor;  ///< manifest or index, when an image was written
  util::Digest config_digest;                 ///< image id; empty for several platforms
  std::vector<std::string> names;
};

/// What exporters work with; borrowed.
struct ExportServices {
  cache::CacheDir& cache;
  oci::RegistryClient& registry;
  util::ProgressSink& progress;
};

/// Seam: a result becomes something outside. Writes beside the destination and renames; a failure leaves what was
/// there.
class Exporter {
 public:
  virtual ~Exporter() = default;
  /// Cheap check before the build starts: destination writable, options consistent. Throws util::Error.
  virtual void check(const ExportRequest& request) = 0;
  /// What writes layers while steps still run, for the `run` that is to come; null when nothing is gained. Lives as long as
  /// the exporter.
  virtual cache::LayerFollower* follower(const ExportRequest& request) {
    (void)request;
    return nullptr;
  }
  virtual ExportReport run(const ExportRequest& request, std::stop_token stop) = 0;
};

/// Throws util::Error for a type that does not exist.
std::unique_ptr<Exporter> make_exporter(const OutputSpec& spec, ExportServices services);

}  // namespace exporter
