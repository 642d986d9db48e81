#include "tools/builder/result_files.h"

#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "util/json.h"
#include "util/temp.h"
#include "util/text.h"

namespace builder {
namespace {

/// Config digest where there is one, else that of the index.
std::string image_id(const exporter::ExportReport& report) {
  if (report.config_digest) return report.config_digest.to_string();
  return report.descriptor ? report.descriptor->digest.to_string() : std::string();
}

nlohmann::json metadata(const std::vector<exporter::ExportReport>& reports) {
  nlohmann::json object = nlohmann::json::object();
  for (const exporter::ExportReport& report : reports) {
    if (!report.descriptor) continue;
    object["containerimage.digest"] = report.descriptor->digest.to_string();
    object["containerimage.descriptor"] = oci::to_json(*report.descriptor);
    if (report.config_digest) object["containerimage.config.digest"] = report.config_digest.to_string();
    if (!report.names.empty()) object["image.name"] = util::join(report.names, ",");
  }
  return object;
}

}  // namespace

void remove_stale_result_files(const BuildOptions& options) {
  std::error_code ignored;
  if (!options.iid_file.empty()) std::filesystem::remove(options.iid_file, ignored);
}

void write_result_files(const BuildOptions& options, const std::vector<exporter::ExportReport>& reports) {
  std::string id;
  for (const exporter::ExportReport& report : reports) {
    if (id.empty()) id = image_id(report);
  }
  if (!options.iid_file.empty()) {
    if (id.empty()) {
      throw util::Error("write --iidfile: this output makes no image, so there is no image id",
                        "leave --iidfile away, or add an output of type image, oci, docker or registry");
    }
    util::write_file_atomically(options.iid_file, id);
  }
  if (!options.metadata_file.empty()) {
    util::write_file_atomically(options.metadata_file, util::dump_json(metadata(reports), 2) + "\n");
  }
  if (options.quiet && !id.empty()) std::cout << id << std::endl;
}

}  // namespace builder
