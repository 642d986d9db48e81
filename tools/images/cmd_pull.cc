#include "tools/images/cmd_pull.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cache/cache_dir.h"
#include "tools/images/image_services.h"
#include "tools/images/pull.h"

namespace builder {

Command pull_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<PullOptions>();
    const auto platform = std::make_shared<std::string>();
    app.add_flag("-a,--all-tags", options->all_tags, "Pull every tag of the repository");
    app.add_flag("-q,--quiet", options->quiet, "Print just the name");
    app.add_option("--platform", *platform, "Platform to pull of an image for several (default: of this machine)")
        ->type_name("OS/ARCH")
        ->envname("DOCKER_DEFAULT_PLATFORM");
    app.add_flag("--disable-content-trust")->group("");
    return [options, platform](const Arguments& arguments) {
      options->platform = parse_platform(*platform);
      return run_interruptible("pull", [&](std::stop_token stop) {
        return pull(arguments.front(), *options, cache::default_root(), stop);
      });
    };
  };
  return {{"pull", "image pull"}, "Bring an image from a registry", "[OPTIONS] NAME[:TAG|@DIGEST]", {1, 1}, define};
}

}  // namespace builder
