#include <fcntl.h>
#include <fmt/format.h>

#include <filesystem>
#include <utility>

#include "exporter/directory_writer.h"
#include "exporter/exporters.h"
#include "exporter/image_report.h"
#include "exporter/output_file.h"
#include "exporter/root_tree.h"
#include "util/error.h"
#include "util/fs.h"

namespace exporter {
namespace {

class LocalExporter final : public Exporter {
 public:
  explicit LocalExporter(ExportServices services) : services_(services) {}

  void check(const ExportRequest& request) override { check_directory(request.output.destination); }

  ExportReport run(const ExportRequest& request, std::stop_token stop) override {
    util::ProgressTask task(services_.progress, "exporting to client directory");
    return run_task(task, [&] {
      std::vector<RootTree> roots = open_root_trees(request, services_.cache, stop);
      const std::string& destination = request.output.destination;
      util::make_directories(destination);
      auto mode = request.output.other.find("mode");
      bool remove_others = mode != request.output.other.end() && mode->second == "delete";
      DirectoryWriter writer(destination, task, stop);
      for (const RootTree& root : roots) {
        const std::string part = roots.size() > 1 ? "copying files " + root.platform.to_string() : "copying files";
        util::with_context(fmt::format("write to `{}`", destination), [&] { writer.write(root, part); });
      }
      if (remove_others) writer.remove_others();
      return ExportReport{};
    });
  }

 private:
  ExportServices services_;
};

}  // namespace

std::unique_ptr<Exporter> make_local_exporter(ExportServices services) {
  return std::make_unique<LocalExporter>(services);
}

}  // namespace exporter
