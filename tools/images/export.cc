#include "tools/images/export.h"

#include <unistd.h>

#include "exporter/exporter.h"
#include "exporter/output_file.h"
#include "tools/images/carried_image.h"
#include "tools/images/image_services.h"
#include "tools/images/image_view.h"
#include "util/error.h"

namespace builder {

void export_image(const std::string& name, const ExportOptions& options, const std::filesystem::path& root, std::stop_token stop) {
  if (options.output == "-" && ::isatty(STDOUT_FILENO) == 1) {
    throw util::Error("export: standard output is a terminal", "give --output FILE, or send the output to a file or another program");
  }
  exporter::OutputFile::check(options.output);
  util::NullProgress progress;
  ImageServices services(root, progress, false, stop);
  const ImageView view(services.cache);
  const LocalImage& image = *view.find(name).image;
  const std::optional<oci::Platform> platform = image.platform() != nullptr && !options.platform
                                                    ? std::optional(image.platform()->platform)
                                                    : options.platform;
  exporter::ExportRequest request;
  request.images = carry(image, platform, view, services.cache).platforms;
  request.output.type = "tar";
  request.output.destination = options.output;
  exporter::make_exporter(request.output, {services.cache, services.registry, progress})->run(request, stop);
}

}  // namespace builder
