#include "tools/builder/garbage.h"

#include <fmt/format.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string_view>

#include "cache/cache_dir.h"
#include "cache/gc.h"
#include "util/error.h"
#include "util/log.h"
#include "util/text.h"
#include "util/time.h"

namespace builder {
namespace {

std::string_view setting() {
  const char* value = std::getenv("BUILDER_GC");
  return value != nullptr ? value : "";
}

void say(const std::vector<cache::UsageEntry>& deleted) {
  std::cerr << fmt::format("build cache: {} of what was used least was deleted ({} entries; BUILDER_GC sets the limits)\n",
                           util::human_size(cache::own_size(deleted)), deleted.size());
}

}  // namespace

void check_garbage_setting() {
  util::with_context("BUILDER_GC", [] { cache::parse_gc_limits(setting(), 0); });
}

void collect_garbage_after_build(const BuildOptions& options, const std::filesystem::path& cache_root) noexcept {
  try {
    std::error_code error;
    const std::filesystem::space_info disk = std::filesystem::space(cache_root, error);
    if (error) return;  // the build did not get as far as to make the store
    const auto limits = cache::parse_gc_limits(setting(), disk.capacity);
    const std::int64_t now = util::now_nanoseconds();
    if (!limits || !cache::gc_is_due(cache_root, *limits, now)) return;
    cache::CacheDir cache(cache_root, cache::CacheUse::on_full_disk);
    const auto deleted = cache::collect_garbage(cache, *limits, now);
    const bool is_read_by_programs = options.quiet || options.progress == "rawjson" || options.progress == "none";
    if (deleted && !deleted->empty() && !is_read_by_programs) say(*deleted);
  } catch (const std::exception& error) {
    util::log_warning(fmt::format("the build cache was not tidied up: {}", error.what()));
  }
}

}  // namespace builder
