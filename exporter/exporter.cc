#include "exporter/exporter.h"

#include <fmt/format.h>

#include "exporter/exporters.h"
#include "util/error.h"

namespace exporter {
namespace {

class CacheOnlyExporter final : public Exporter {
 public:
  void check(const ExportRequest&) override {}
  ExportReport run(const ExportRequest&, std::stop_token) override { return {}; }
};

}  // namespace

std::unique_ptr<Exporter> make_cache_only_exporter() {
  return std::make_unique<CacheOnlyExporter>();
}

std::unique_ptr<Exporter> make_exporter(const OutputSpec& spec, ExportServices services) {
  // `docker` without a destination is "load it".
  bool load = spec.type == "docker" && spec.destination.empty();
  if (spec.type == "image" || load) return make_image_exporter(services);
  if (spec.type == "registry") return make_registry_exporter(services);
  if (spec.type == "oci" || spec.type == "docker") return make_oci_exporter(services);
  if (spec.type == "tar") return make_tar_exporter(services);
  if (spec.type == "local") return make_local_exporter(services);
  if (spec.type == "cacheonly") return make_cache_only_exporter();
  throw util::Error(fmt::format("output: unknown type `{}`", spec.type));
}

}  // namespace exporter
