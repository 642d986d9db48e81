#include "tools/images/cmd_push.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "cache/cache_dir.h"
#include "tools/images/image_services.h"
#include "tools/images/push.h"

namespace builder {

Command push_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<PushOptions>();
    const auto platform = std::make_shared<std::string>();
    app.add_flag("-a,--all-tags", options->all_tags, "Push every name that an image of this machine has in the repository");
    app.add_flag("-q,--quiet", options->quiet, "Print just the name");
    app.add_option("--platform", *platform, "Push just this platform of an image for several")->type_name("OS/ARCH");
    app.add_flag("--disable-content-trust")->group("");
    return [options, platform](const Arguments& arguments) {
      options->platform = parse_platform(*platform);
      return run_interruptible("push", [&](std::stop_token stop) {
        return push(arguments.front(), *options, cache::default_root(), stop);
      });
    };
  };
  return {{"push", "image push"}, "Send an image to its registry", "[OPTIONS] NAME[:TAG]", {1, 1}, define};
}

}  // namespace builder
