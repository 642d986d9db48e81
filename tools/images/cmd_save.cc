#include "tools/images/cmd_save.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cache/cache_dir.h"
#include "tools/images/image_services.h"
#include "tools/images/load.h"
#include "tools/images/save.h"

namespace builder {

Command save_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<SaveOptions>();
    const auto platform = std::make_shared<std::string>();
    app.add_option("-o,--output", options->output, "Where to (default: standard output)")->type_name("FILE");
    app.add_option("--format", options->format, "docker (an OCI archive that docker loads, too), oci, oci-dir")->type_name("FORMAT");
    app.add_option("--platform", *platform, "Save just this platform of an image for several")->type_name("OS/ARCH");
    return [options, platform](const Arguments& arguments) {
      options->platform = parse_platform(*platform);
      if (options->output.empty()) options->output = "-";
      return run_interruptible("save", [&](std::stop_token stop) {
        save(arguments, *options, cache::default_root(), stop);
        return 0;
      });
    };
  };
  return {{"save", "image save"}, "Write images to an archive", "[OPTIONS] IMAGE [IMAGE...]", {1}, define};
}

Command load_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<LoadOptions>();
    const auto platform = std::make_shared<std::string>();
    app.add_option("-i,--input", options->input, "Archive, or directory of an OCI layout (default: standard input)")->type_name("FILE");
    const auto quiet = std::make_shared<bool>(false);
    app.add_flag("-q,--quiet", *quiet, "Print just the names, as it does anyway");
    app.add_option("--platform", *platform, "Load just this platform of an image for several")->type_name("OS/ARCH");
    return [options, platform, quiet](const Arguments&) {
      options->platform = parse_platform(*platform);
      return run_interruptible("load", [&](std::stop_token stop) {
        load(*options, cache::default_root(), stop);
        return 0;
      });
    };
  };
  return {{"load", "image load"}, "Take images from an archive into the store", "[OPTIONS]", {0, 0}, define};
}

}  // namespace builder
