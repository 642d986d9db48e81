#include "tools/images/cmd_history.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cache/cache_dir.h"
#include "tools/format/table.h"
#include "tools/images/history.h"
#include "tools/images/image_view.h"

namespace builder {
namespace {

constexpr const char* kTable = "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}";

struct Options {
  HistoryStyle style;
  bool quiet = false;
  std::string format, platform;
};

int show(const Options& options, const std::string& name) {
  cache::CacheDir cache(cache::default_root());
  const ImageView view(cache);
  const auto rows = history_rows(view, view.find_platform(name, options.platform), options.style);
  if (options.quiet && options.format.empty()) {
    for (const auto& row : rows) std::cout << row["ID"].get_ref<const std::string&>() << '\n';
    return 0;
  }
  std::cout << format::format_rows(options.format, options.quiet ? "table {{.ID}}" : kTable,
                                   history_headings(options.style.human), rows);
  return 0;
}

}  // namespace

Command history_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<Options>();
    app.add_flag("-H,--human,!--no-human", options->style.human,
                 "Sizes and dates for people (--human=false: exact ones)");
    app.add_flag("--no-trunc", options->style.no_trunc, "Show whole ids and instructions");
    app.add_flag("-q,--quiet", options->quiet, "Only ids");
    app.add_option("--format", options->format, "table [TEMPLATE], json, or a Go template")->type_name("FORMAT");
    app.add_option("--platform", options->platform, "Of an image for several platforms: this one")
        ->type_name("PLATFORM");
    return [options](const Arguments& arguments) { return show(*options, arguments[0]); };
  };
  return {{"history", "image history"}, "Show how an image was made", "[OPTIONS] IMAGE", {1, 1}, define};
}

}  // namespace builder
