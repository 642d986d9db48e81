#include "tools/images/cmd_images.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>

#include "cache/cache_dir.h"
#include "tools/builder/usage_error.h"
#include "tools/format/table.h"
#include "tools/images/image_filter.h"
#include "tools/images/image_rows.h"
#include "tools/images/image_view.h"

namespace builder {
namespace {

struct Options {
  bool all = false, quiet = false, digests = false, no_trunc = false, tree = false;
  std::vector<std::string> filters;
  std::string format;
};

void warn_about_damage(const ImageView& view) {
  for (const LocalImage& image : view.images()) {
    if (image.damage.empty()) continue;
    const std::string name = image.names.empty() ? image.descriptor.digest.to_string() : image.names.front();
    std::cerr << "WARNING: image `" << name << "` cannot be read: " << image.damage << "; `builder rmi` removes it\n";
  }
}

/// Ids, each once in a row as docker lists them.
void print_ids(const std::vector<nlohmann::ordered_json>& rows) {
  for (const auto& row : rows) std::cout << row["ID"].get_ref<const std::string&>() << '\n';
}

int list(const Options& options, const std::string& pattern) {
  if (options.tree && (options.quiet || options.digests || !options.format.empty()))
    throw UsageError("--tree cannot be combined with --quiet, --digests or --format");
  cache::CacheDir cache(cache::default_root());
  const ImageView view(cache);
  const ImageFilter filter(view, options.filters, pattern);
  warn_about_damage(view);
  if (options.tree) {
    std::cout << image_tree(view, filter, options.no_trunc);
    return 0;
  }
  // A digest that the user's own template asks for is told without --digests.
  const bool digests = options.digests || options.format.find(".Digest") != std::string::npos;
  const std::vector<nlohmann::ordered_json> rows = image_rows(view, filter, digests, options.no_trunc);
  if (options.quiet && options.format.empty()) {
    print_ids(rows);
    return 0;
  }
  const std::string standard = options.quiet ? "table {{.ID}}"
                                             : std::string("table {{.Repository}}\t{{.Tag}}\t") +
                                                   (options.digests ? "{{.Digest}}\t" : "") +
                                                   "{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";
  std::cout << format::format_rows(options.format, standard, image_headings(), rows);
  return 0;
}

}  // namespace

Command images_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<Options>();
    app.add_flag("-a,--all", options->all, "Show all images (there are no hidden intermediate ones here)");
    app.add_flag("-q,--quiet", options->quiet, "Only ids");
    app.add_flag("--digests", options->digests, "Show digests");
    app.add_flag("--no-trunc", options->no_trunc, "Show whole ids");
    app.add_flag("--tree", options->tree, "Show the platforms of each image");
    add_list(app, "-f,--filter", options->filters,
             "dangling=BOOL, label=KEY[=VALUE], before=IMAGE, since=IMAGE, until=TIME, reference=PATTERN", "KEY=VALUE");
    app.add_option("--format", options->format, "table [TEMPLATE], json, or a Go template")->type_name("FORMAT");
    return [options](const Arguments& arguments) { return list(*options, arguments.empty() ? "" : arguments[0]); };
  };
  return {{"images", "image ls", "image list"}, "List images", "[OPTIONS] [REPOSITORY[:TAG]]", {0, 1}, define};
}

}  // namespace builder
