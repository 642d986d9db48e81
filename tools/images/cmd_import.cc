#include "tools/images/cmd_import.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cache/cache_dir.h"
#include "executor/user_namespace.h"
#include "tools/images/export.h"
#include "tools/images/image_services.h"
#include "tools/images/import.h"

namespace builder {

Command import_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<ImportOptions>();
    const auto platform = std::make_shared<std::string>();
    add_list(app, "-c,--change", options->changes, "Instruction for the image's configuration: CMD, ENV, LABEL, …", "INSTRUCTION");
    app.add_option("-m,--message", options->message, "Comment in the image's history")->type_name("TEXT");
    app.add_option("--platform", *platform, "What the image is for (default: this machine)")->type_name("OS/ARCH");
    return [options, platform](const Arguments& arguments) {
      options->platform = parse_platform(*platform);
      return run_interruptible("import", [&](std::stop_token stop) {
        import_image(arguments[0], arguments.size() > 1 ? arguments[1] : std::string(), *options, cache::default_root(), stop);
        return 0;
      });
    };
  };
  return {{"import", "image import"}, "Make an image of a root file system archive", "[OPTIONS] FILE|URL|- [NAME[:TAG]]", {1, 2}, define};
}

Command export_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<ExportOptions>();
    const auto platform = std::make_shared<std::string>();
    app.add_option("-o,--output", options->output, "Where to (default: standard output)")->type_name("FILE");
    app.add_option("--platform", *platform, "Which platform of an image for several (default: of this machine)")->type_name("OS/ARCH");
    return [options, platform](const Arguments& arguments) {
      options->platform = parse_platform(*platform);
      const std::filesystem::path root = cache::default_root();
      executor::enter_user_namespace_if_needed();
      if (options->output.empty()) options->output = "-";
      return run_interruptible("export", [&](std::stop_token stop) {
        export_image(arguments.front(), *options, root, stop);
        return 0;
      });
    };
  };
  return {{"export", "image export"}, "Write the root file system of an image as a tar archive", "[OPTIONS] IMAGE", {1, 1}, define};
}

}  // namespace builder
