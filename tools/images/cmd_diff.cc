#include "tools/images/cmd_diff.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cache/cache_dir.h"
#include "executor/user_namespace.h"
#include "tools/format/table.h"
#include "tools/images/image_diff.h"
#include "tools/images/image_services.h"
#include "tools/images/image_view.h"
#include "util/progress.h"

namespace builder {
namespace {

constexpr int kDiffer = 1;

struct Options {
  std::string format, platform;
  bool exit_code = false;
};

int run(const std::filesystem::path& root, const Options& options, const std::string& from, const std::string& to,
        std::stop_token stop) {
  util::NullProgress progress;
  ImageServices services(root, progress, false, stop);
  const ImageView view(services.cache);
  // Before any layer is unpacked: a mistyped name should be told at once.
  view.find_platform(from, options.platform);
  view.find_platform(to, options.platform);
  const nlohmann::ordered_json diff = diff_images(load_diff_side(view, services.cache, from, options.platform, stop),
                                                  load_diff_side(view, services.cache, to, options.platform, stop));
  if (options.format.empty()) {
    std::cout << describe_diff(diff);
  } else {
    std::cout << format::format_rows(options.format, "", {}, {&diff, 1});
  }
  return options.exit_code && has_differences(diff) ? kDiffer : 0;
}

}  // namespace

Command diff_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<Options>();
    app.add_option("--format", options->format, "json, or a Go template")->type_name("FORMAT");
    app.add_option("--platform", options->platform, "Of images for several platforms: this one")->type_name("PLATFORM");
    app.add_flag("--exit-code", options->exit_code, "Exit with 1 when the images differ");
    return [options](const Arguments& arguments) {
      const std::filesystem::path root = cache::default_root();
      executor::enter_user_namespace_if_needed();
      return run_interruptible(
          "diff", [&](std::stop_token stop) { return run(root, *options, arguments[0], arguments[1], stop); });
    };
  };
  return {{"diff", "image diff"}, "Compare two images: config, layers, files", "[OPTIONS] IMAGE IMAGE", {2, 2}, define};
}

}  // namespace builder
