#include "tools/images/cmd_du.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cache/cache_dir.h"
#include "cache/usage.h"
#include "executor/user_namespace.h"
#include "tools/format/table.h"
#include "tools/images/disk_usage.h"
#include "tools/images/image_view.h"
#include "tools/images/usage_filter.h"
#include "tools/images/usage_print.h"
#include "util/time.h"

namespace builder {
namespace {

struct DuOptions {
  std::vector<std::string> filters;
  bool verbose = false;
  std::string format;
};

int du(const DuOptions& options) {
  const std::int64_t now = util::now_nanoseconds();
  const UsageFilter filter = parse_usage_filters(options.filters, now);
  const std::filesystem::path root = cache::default_root();
  executor::enter_user_namespace_if_needed();
  cache::CacheDir cache(root, cache::CacheUse::on_full_disk);
  std::vector<cache::UsageEntry> entries = cache::usage(cache).entries;
  if (filter) std::erase_if(entries, [&](const cache::UsageEntry& entry) { return !filter(entry); });
  if (!options.format.empty() && options.format != "table") {
    std::cout << format::format_rows(options.format, "", usage_headings(), usage_rows(entries, now));
  } else if (options.verbose) {
    std::cout << usage_paragraphs(entries, now) << usage_totals(entries);
  } else {
    std::cout << usage_table(entries, now) << usage_totals(entries);
  }
  return 0;
}

int system_df(bool verbose, const std::string& format) {
  const std::int64_t now = util::now_nanoseconds();
  const std::filesystem::path root = cache::default_root();
  executor::enter_user_namespace_if_needed();
  cache::CacheDir cache(root, cache::CacheUse::on_full_disk);
  const cache::UsageReport report = cache::usage(cache);
  const ImageView view(cache);
  if (verbose && (format.empty() || format == "table")) {
    std::cout << disk_usage_tables(view, report, now);
  } else if (verbose) {
    const nlohmann::ordered_json details = disk_usage_details(view, report, now);
    std::cout << format::format_rows(format, "", {}, {&details, 1});
  } else {
    std::cout << format::format_rows(format, "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}",
                                     disk_usage_headings(), disk_usage_rows(report, view.images().size()));
  }
  return 0;
}

}  // namespace

Command du_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<DuOptions>();
    add_list(app, "--filter", options->filters, "Only what fits: id=, type=, description~=, until=24h, shared, private, inuse, …", "FILTER");
    app.add_flag("--verbose", options->verbose, "A paragraph for each: what it is, where it comes from");
    app.add_option("--format", options->format, "table [TEMPLATE], json, or a Go template")->type_name("FORMAT");
    app.add_option("--builder")->group("");
    return [options](const Arguments&) { return du(*options); };
  };
  return {{"du", "buildx du", "builder du"}, "Show what the build cache takes on the disk", "[OPTIONS]", {0, 0}, define};
}

Command system_df_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto verbose = std::make_shared<bool>(false);
    const auto format = std::make_shared<std::string>();
    app.add_flag("-v,--verbose", *verbose, "Every image and every part of the cache");
    app.add_option("--format", *format, "table [TEMPLATE], json, or a Go template")->type_name("FORMAT");
    return [verbose, format](const Arguments&) { return system_df(*verbose, *format); };
  };
  return {{"system df"}, "Show what images and build cache take on the disk", "[OPTIONS]", {0, 0}, define};
}

}  // namespace builder
