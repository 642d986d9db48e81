#include <utility>

#include "exporter/annotations.h"
#include "exporter/exporters.h"
#include "exporter/image_report.h"
#include "exporter/image_writer.h"
#include "exporter/push.h"
#include "util/error.h"

namespace exporter {
namespace {

class ImageExporter final : public Exporter {
 public:
  explicit ImageExporter(ExportServices services) : services_(services) {}

  void check(const ExportRequest& request) override {
    check_annotations(request);
    if (request.output.push) check_push(request);
  }

  ExportReport run(const ExportRequest& request, std::stop_token stop) override {
    util::ProgressTask task(services_.progress, "exporting to image");
    return run_task(task, [&] {
      WrittenImage image = write_image(request, services_.cache, false, task, stop);
      ExportReport report = make_report(image, request);
      const std::string id = (report.config_digest ? report.config_digest : image.descriptor.digest).to_string();
      task.bytes("writing image " + id, 0, 0);
      // Untagged it is kept too: its id is all that a build without -t has to show.
      if (request.names.empty()) services_.cache.images().add_untagged(image.descriptor);
      task.bytes("writing image " + id, 0, 0, true);
      for (const oci::Reference& name : request.names) {
        const std::string part = "naming to " + name.to_string();
        task.bytes(part, 0, 0);
        services_.cache.images().tag(name, image.descriptor);
        task.bytes(part, 0, 0, true);
      }
      if (request.output.push) push_image(image, request, services_, task, stop);
      return report;
    });
  }

 private:
  ExportServices services_;
};

class RegistryExporter final : public Exporter {
 public:
  explicit RegistryExporter(ExportServices services) : services_(services) {}

  void check(const ExportRequest& request) override {
    check_annotations(request);
    check_push(request);
  }

  ExportReport run(const ExportRequest& request, std::stop_token stop) override {
    util::ProgressTask task(services_.progress, "exporting to image");
    return run_task(task, [&] {
      WrittenImage image = write_image(request, services_.cache, false, task, stop);
      push_image(image, request, services_, task, stop);
      return make_report(image, request);
    });
  }

 private:
  ExportServices services_;
};

}  // namespace

std::unique_ptr<Exporter> make_image_exporter(ExportServices services) {
  return std::make_unique<ImageExporter>(services);
}

std::unique_ptr<Exporter> make_registry_exporter(ExportServices services) {
  return std::make_unique<RegistryExporter>(services);
}

}  // namespace exporter
