#include "tools/images/cmd_du.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "cache/cache_dir.h"
#include "cache/usage.h"
#include "executor/user_namespace.h"
#include "tools/builder/usage_error.h"
#include "tools/format/table.h"
#include "tools/images/image_view.h"
#include "tools/images/usage_filter.h"
#include "tools/images/usage_print.h"
#include "util/text.h"
#include "util/time.h"

namespace builder {
namespace {

struct DuOptions {
  std::vector<std::string> filters;
  bool verbose = false;
  std::string format;
};

bool wants_json(const std::string& format) {
  if (format.empty() || format == "table") return false;
  if (format == "json" || util::replace_all(format, " ", "") == "{{json.}}") return true;
  throw UsageError(fmt::format("--format `{}`: unknown", format), "known: table, json");
}

int du(const DuOptions& options) {
  const std::int64_t now = util::now_nanoseconds();
  const UsageFilter filter = parse_usage_filters(options.filters, now);
  const bool json = wants_json(options.format);
  const std::filesystem::path root = cache::default_root();
  executor::enter_user_namespace_if_needed();
  cache::CacheDir cache(root);
  std::vector<cache::UsageEntry> entries = cache::usage(cache).entries;
  if (filter) std::erase_if(entries, [&](const cache::UsageEntry& entry) { return !filter(entry); });
  if (json) {
    std::cout << usage_json(entries, now);
  } else if (options.verbose) {
    std::cout << usage_paragraphs(entries, now) << usage_totals(entries);
  } else {
    std::cout << usage_table(entries, now) << usage_totals(entries);
  }
  return 0;
}

struct DfRow {
  std::string type;
  std::size_t total = 0;
  std::uint64_t size = 0;
  std::string reclaimable;
};

/// There are no containers and no volumes; docker's rows stay for who reads them by their place.
std::vector<DfRow> df_rows(const cache::UsageReport& report, std::size_t images) {
  const std::uint64_t cached = report.size();
  std::string all = usage_size(report.images_size);
  if (report.images_size > 0) all += " (100%)";
  return {{"Images", images, report.images_size, all},
          {"Containers", 0, 0, "0B"},
          {"Local Volumes", 0, 0, "0B"},
          {"Build Cache", report.entries.size(), cached, usage_size(cached)}};
}

std::string df_images(cache::CacheDir& cache, std::int64_t now) {
  const ImageView view(cache);
  std::vector<std::vector<std::string>> rows = {{"REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"}};
  for (const LocalImage& image : view.images()) {
    const std::string age = image.created == 0 ? "N/A" : util::human_duration(now - image.created) + " ago";
    const std::string size = util::human_size(view.size(image));
    if (image.names.empty()) rows.push_back({"<none>", "<none>", image.id().short_hex(), age, size});
    for (const std::string& name : image.names) {
      const oci::Reference reference = oci::Reference::parse(name);
      oci::Reference repository = reference;
      repository.tag.clear();
      repository.digest = {};
      rows.push_back({repository.familiar(), reference.tag, image.id().short_hex(), age, size});
    }
  }
  return format::align_columns(rows);
}

std::string df_cache(const cache::UsageReport& report, std::int64_t now) {
  std::vector<std::vector<std::string>> rows = {{"CACHE ID", "CACHE TYPE", "SIZE", "CREATED", "LAST USED", "SHARED"}};
  const auto ago = [&](std::int64_t moment) { return moment == 0 ? std::string() : util::human_duration(now - moment) + " ago"; };
  for (const cache::UsageEntry& entry : report.entries) {
    rows.push_back({entry.id.substr(0, 12), std::string(cache::to_string(entry.type)), util::human_size(entry.size), ago(entry.created),
                    ago(entry.used), entry.shared() ? "true" : "false"});
  }
  return format::align_columns(rows);
}

int system_df(bool verbose, const std::string& format) {
  const std::int64_t now = util::now_nanoseconds();
  const bool json = wants_json(format);
  const std::filesystem::path root = cache::default_root();
  executor::enter_user_namespace_if_needed();
  cache::CacheDir cache(root);
  const cache::UsageReport report = cache::usage(cache);
  if (verbose) {
    std::cout << "Images space usage:\n\n" << df_images(cache, now);
    std::cout << fmt::format("\nBuild cache usage: {}\n\n", usage_size(report.size())) << df_cache(report, now);
    return 0;
  }
  const std::vector<DfRow> found = df_rows(report, ImageView(cache).images().size());
  std::vector<std::vector<std::string>> rows = {{"TYPE", "TOTAL", "ACTIVE", "SIZE", "RECLAIMABLE"}};
  for (const DfRow& row : found) {
    rows.push_back({row.type, std::to_string(row.total), "0", usage_size(row.size), row.reclaimable});
    if (!json) continue;
    const nlohmann::json object = {{"Type", row.type}, {"TotalCount", std::to_string(row.total)}, {"Active", "0"},
                                   {"Size", usage_size(row.size)}, {"Reclaimable", row.reclaimable}};
    std::cout << object.dump() << '\n';
  }
  if (!json) std::cout << format::align_columns(rows);
  return 0;
}

}  // namespace

Command du_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<DuOptions>();
    add_list(app, "--filter", options->filters, "Only what fits: id=, type=, description~=, until=24h, shared, private, inuse, …", "FILTER");
    app.add_flag("--verbose", options->verbose, "A paragraph for each: what it is, where it comes from");
    app.add_option("--format", options->format, "table or json")->type_name("FORMAT");
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
    app.add_option("--format", *format, "table or json")->type_name("FORMAT");
    return [verbose, format](const Arguments&) { return system_df(*verbose, *format); };
  };
  return {{"system df"}, "Show what images and build cache take on the disk", "[OPTIONS]", {0, 0}, define};
}

}  // namespace builder
