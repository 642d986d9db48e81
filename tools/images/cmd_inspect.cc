#include "tools/images/cmd_inspect.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cache/cache_dir.h"
#include "tools/builder/render_error.h"
#include "tools/format/template.h"
#include "tools/images/image_view.h"
#include "tools/images/inspect.h"

namespace builder {
namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string format, platform;
};

int inspect(const Options& options, const Arguments& arguments) {
  std::optional<format::Template> parsed;
  const bool one_line = options.format == "json";
  if (!options.format.empty() && !one_line) parsed.emplace(options.format);
  cache::CacheDir cache(cache::default_root());
  const ImageView view(cache);
  Json found = Json::array();
  std::string lines, errors;
  for (const std::string& argument : arguments) {
    try {
      const PlatformImage& platform = view.find_platform(argument, options.platform);
      Json image = inspect_image(view, *view.find(argument).image, platform);
      if (parsed) lines += parsed->execute(image, optional_fields(image)) + "\n";
      found.push_back(std::move(image));
    } catch (const util::Error& error) {
      errors += render_error(error);
    }
  }
  if (!parsed) lines = found.dump(one_line ? -1 : 4, ' ', false, Json::error_handler_t::replace) + "\n";
  std::cout << lines << std::flush;
  std::cerr << errors;
  return errors.empty() ? 0 : 1;
}

}  // namespace

Command inspect_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<Options>();
    app.add_option("-f,--format", options->format, "json (all on one line), or a Go template such as {{.Config.Cmd}}")
        ->type_name("FORMAT");
    app.add_option("--platform", options->platform, "Of an image for several platforms: this one")
        ->type_name("PLATFORM");
    app.add_flag("-s,--size")->description("Accepted: sizes of images are always shown");
    app.add_option("--type", "image: the only type there is")->type_name("TYPE")->check(CLI::IsMember({"image"}));
    return [options](const Arguments& arguments) { return inspect(*options, arguments); };
  };
  return {{"inspect", "image inspect"}, "Show all about images, as JSON", "[OPTIONS] IMAGE...", {1}, define};
}

}  // namespace builder
