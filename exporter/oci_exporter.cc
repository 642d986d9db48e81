#include <fmt/format.h>

#include <optional>
#include <utility>

#include "exporter/annotations.h"
#include "exporter/archive_draft.h"
#include "exporter/exporters.h"
#include "exporter/image_report.h"
#include "exporter/image_writer.h"
#include "exporter/layout_writer.h"
#include "exporter/output_file.h"
#include "util/error.h"

namespace exporter {
namespace {

class OciExporter final : public Exporter {
 public:
  explicit OciExporter(ExportServices services) : services_(services) {}

  void check(const ExportRequest& request) override {
    check_annotations(request);
    const OutputSpec& output = request.output;
    if (output.type == "docker" && (request.images.size() > 1 || request.index)) {
      throw util::Error("output of type `docker`: the format holds an image for one platform only", "use type=oci");
    }
    if (output.tar) {
      OutputFile::check(output.destination);
    } else {
      check_directory(output.destination);
    }
  }

  cache::LayerFollower* follower(const ExportRequest& request) override {
    const OutputSpec& output = request.output;
    // Of a layer whose times are to be changed nothing is of use before.
    if (!output.tar || request.images.size() != 1 || output.other.contains("rewrite-timestamp")) return nullptr;
    return &draft(output);
  }

  ExportReport run(const ExportRequest& request, std::stop_token stop) override {
    const OutputSpec& output = request.output;
    util::ProgressTask task(services_.progress, fmt::format("exporting to {} image format", output.type));
    return run_task(task, [&] {
      WrittenImage image = write_image(request, services_.cache, true, task, stop);
      const NamedImage named{image, request.names};
      const Layout layout = make_layout({&named, 1}, output.type == "docker");
      const std::string part = output.tar ? "sending tarball" : "writing image layout";
      task.bytes(part, 0, 0);
      util::with_context("write image to " + display_destination(output.destination), [&] {
        if (output.tar) {
          draft(output).finish(layout, stop);
        } else {
          write_layout_directory(layout, output.destination, services_.cache.content(), stop);
        }
      });
      task.bytes(part, 0, 0, true);
      return make_report(image, request);
    });
  }

 private:
  ArchiveDraft& draft(const OutputSpec& output) {
    if (!draft_) draft_.emplace(output.destination, services_.cache, output.pack);
    return *draft_;
  }

  ExportServices services_;
  std::optional<ArchiveDraft> draft_;
};

}  // namespace

std::unique_ptr<Exporter> make_oci_exporter(ExportServices services) {
  return std::make_unique<OciExporter>(services);
}

}  // namespace exporter
