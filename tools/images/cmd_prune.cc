#include "tools/images/cmd_prune.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "cache/cache_dir.h"
#include "cache/prune.h"
#include "executor/user_namespace.h"
#include "tools/builder/usage_error.h"
#include "tools/images/deleting.h"
#include "tools/images/prune_images.h"
#include "tools/images/usage_filter.h"
#include "tools/images/usage_print.h"
#include "util/text.h"
#include "util/time.h"

namespace builder {
namespace {

struct PruneOptions {
  bool all = false;
  bool force = false;
  bool verbose = false;
  std::vector<std::string> filters;
  std::string keep_storage, reserved, max_used, min_free;
};

/// As docker asks; anything but "y" is no.
bool confirmed(const std::string& warning, const char* question) {
  std::cout << warning << question << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  return util::to_lower(util::trim(answer)) == "y";
}

constexpr const char* kAskOnLine = " Are you sure you want to continue? [y/N] ";
constexpr const char* kAskBelow = "\nAre you sure you want to continue? [y/N] ";

std::optional<std::uint64_t> parse_limit(const char* option, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto bytes = util::parse_size(text);
  if (!bytes) throw UsageError(fmt::format("{} `{}`: not a size", option, text), "for example 512MB, 10GB");
  return bytes;
}

cache::PrunePolicy policy_of(const PruneOptions& options, std::int64_t now) {
  cache::PrunePolicy policy;
  policy.all = options.all;
  policy.filter = parse_usage_filters(options.filters, now);
  policy.reserved_space = parse_limit("--reserved-space", options.reserved);
  if (!policy.reserved_space) policy.reserved_space = parse_limit("--keep-storage", options.keep_storage);
  policy.max_used_space = parse_limit("--max-used-space", options.max_used);
  policy.min_free_space = parse_limit("--min-free-space", options.min_free);
  return policy;
}

void say_waiting() { std::cerr << "waiting for other builder processes that use the store\n"; }

int prune(const PruneOptions& options) {
  const std::int64_t now = util::now_nanoseconds();
  const cache::PrunePolicy policy = policy_of(options, now);
  const std::string what = fmt::format("WARNING! This will remove all {}build cache.", options.all ? "" : "dangling ");
  if (!options.force && !confirmed(what, kAskOnLine)) return 0;
  const std::filesystem::path root = cache::default_root();
  executor::enter_user_namespace_if_needed();
  return run_interruptible("prune", [&](std::stop_token stop) {
    cache::CacheDir cache(root, cache::CacheUse::on_full_disk);
    const std::vector<cache::UsageEntry> gone = cache::prune(cache, policy, say_waiting, stop);
    if (options.verbose) {
      std::cout << usage_paragraphs(gone, now);
    } else if (!gone.empty()) {
      std::cout << usage_table(gone, now);
    }
    std::cout << fmt::format("Total:\t{}\n", usage_size(cache::own_size(gone)));
    return 0;
  });
}

int image_prune(const ImagePruneOptions& options, bool force) {
  const ImageFilter filter = image_prune_filter(options, util::now_nanoseconds());
  const std::string what = options.all ? "WARNING! This will remove all images." : "WARNING! This will remove all dangling images.";
  if (!force && !confirmed(what, kAskBelow)) return 0;
  const std::filesystem::path root = cache::default_root();
  executor::enter_user_namespace_if_needed();
  cache::CacheDir cache(root, cache::CacheUse::on_full_disk);
  const std::vector<RemovedImage> removed = prune_images(cache, filter);
  std::uint64_t bytes = 0;
  for (const RemovedImage& image : removed) bytes += image.bytes;
  std::cout << removed_images_text(removed) << fmt::format("Total reclaimed space: {}\n", usage_size(bytes));
  return 0;
}

/// Of the filters of images the cache knows `until` alone.
std::vector<std::string> cache_filters(const std::vector<std::string>& filters) {
  std::vector<std::string> known;
  for (const std::string& filter : filters) {
    if (filter.starts_with("until=")) known.push_back(filter);
  }
  return known;
}

int system_prune(const ImagePruneOptions& options, bool force) {
  const std::int64_t now = util::now_nanoseconds();
  const ImageFilter filter = image_prune_filter(options, now);
  cache::PrunePolicy policy;
  policy.all = options.all;
  policy.filter = parse_usage_filters(cache_filters(options.filters), now);
  const std::string what = fmt::format("WARNING! This will remove:\n  - all {}images\n  - {}build cache\n", options.all ? "" : "dangling ",
                                       options.all ? "all " : "unused ");
  if (!force && !confirmed(what, kAskBelow)) return 0;
  const std::filesystem::path root = cache::default_root();
  executor::enter_user_namespace_if_needed();
  return run_interruptible("prune", [&](std::stop_token stop) {
    cache::CacheDir cache(root, cache::CacheUse::on_full_disk);
    const std::vector<RemovedImage> removed = prune_images(cache, filter);
    const std::vector<cache::UsageEntry> gone = cache::prune(cache, policy, say_waiting, stop);
    std::cout << removed_images_text(removed);
    if (!gone.empty()) {
      std::cout << "Deleted build cache objects:\n";
      for (const cache::UsageEntry& entry : gone) std::cout << entry.id << '\n';
      std::cout << '\n';
    }
    std::uint64_t bytes = cache::own_size(gone);
    for (const RemovedImage& image : removed) bytes += image.bytes;
    std::cout << fmt::format("Total reclaimed space: {}\n", usage_size(bytes));
    return 0;
  });
}

}  // namespace

Command prune_command() {
  const auto define = [](CLI::App& app) -> Action {
    const auto options = std::make_shared<PruneOptions>();
    app.add_flag("-a,--all", options->all, "Also what images share with the cache (they keep what they need), and internal things");
    add_list(app, "--filter", options->filters, "Only what fits: until=24h (not used since), id=, type=, description~=, …", "FILTER");
    app.add_flag("-f,--force", options->force, "Do not ask");
    app.add_flag("--verbose", options->verbose, "Say more about what was deleted");
    app.add_option("--reserved-space", options->reserved, "Keep the cache's most valuable SIZE")->type_name("SIZE");
    app.add_option("--keep-storage", options->keep_storage, "The same, by its old name")->type_name("SIZE");
    app.add_option("--max-used-space", options->max_used, "Only until the cache takes no more than SIZE")->type_name("SIZE");
    app.add_option("--min-free-space", options->min_free, "Only until SIZE is free on the disk")->type_name("SIZE");
    app.add_option("--builder")->group("");
    return [options](const Arguments&) { return deleting([&] { return prune(*options); }); };
  };
  return {{"prune", "buildx prune", "builder prune"}, "Delete build cache", "[OPTIONS]", {0, 0}, define};
}

namespace {

Command image_pruning(const char* name, const char* summary, int (*run)(const ImagePruneOptions&, bool)) {
  const auto define = [run](CLI::App& app) -> Action {
    const auto options = std::make_shared<ImagePruneOptions>();
    const auto force = std::make_shared<bool>(false);
    app.add_flag("-a,--all", options->all, "All images, not only those without a name");
    add_list(app, "--filter", options->filters, "until=24h (made before), label=KEY[=VALUE], label!=KEY[=VALUE]", "FILTER");
    app.add_flag("-f,--force", *force, "Do not ask");
    app.add_flag("--volumes")->group("");
    return [options, force, run](const Arguments&) { return deleting([&] { return run(*options, *force); }); };
  };
  return {{name}, summary, "[OPTIONS]", {0, 0}, define};
}

}  // namespace

Command image_prune_command() { return image_pruning("image prune", "Delete images without a name", image_prune); }
Command system_prune_command() { return image_pruning("system prune", "Delete images without a name, and build cache", system_prune); }

}  // namespace builder
