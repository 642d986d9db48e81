#include "cache/gc.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <string>

#include "util/error.h"
#include "util/temp.h"
#include "util/text.h"

namespace cache {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMegabyte = 1000 * 1000;
constexpr std::uint64_t kGigabyte = 1000 * kMegabyte;
constexpr std::int64_t kMinute = std::int64_t{60} * 1'000'000'000;
constexpr std::int64_t kHour = 3600LL * 1000 * 1000 * 1000;

constexpr const char* kSettingHint =
    "`off`, or limits with commas: max-used-space=20GB,reserved-space=5%,min-free-space=10GB";

/// Its time is that of the last collection.
fs::path stamp_of(const fs::path& root) {
  return root / "gc";
}

std::uint64_t percent_of(std::uint64_t whole, std::uint64_t percent) {
  return whole / 100 * percent;
}

std::optional<std::uint64_t> parse_limit(std::string_view text, std::uint64_t disk_size) {
  if (!text.ends_with('%')) return util::parse_size(text);
  unsigned percent = 0;
  const char* end = text.data() + text.size() - 1;
  const auto [parsed, error] = std::from_chars(text.data(), end, percent);
  if (error != std::errc() || parsed != end || percent > 100) return std::nullopt;
  return percent_of(disk_size, percent);
}

void set_limit(GcLimits& limits, const std::string& part, std::uint64_t disk_size) {
  const std::size_t equals = part.find('=');
  const std::string_view name = std::string_view(part).substr(0, equals);
  const auto value =
      equals == std::string::npos ? std::nullopt : parse_limit(std::string_view(part).substr(equals + 1), disk_size);
  if (!value) throw util::Error(fmt::format("garbage collection: `{}` sets no limit", part), kSettingHint);
  if (name == "reserved-space") {
    limits.reserved_space = *value;
  } else if (name == "max-used-space") {
    limits.max_used_space = *value;
  } else if (name == "min-free-space") {
    limits.min_free_space = *value;
  } else {
    throw util::Error(fmt::format("garbage collection: limit `{}` is unknown", name), kSettingHint);
  }
}

std::function<bool(const UsageEntry&)> not_used_since(std::int64_t moment) {
  return [moment](const UsageEntry& entry) { return entry.used < moment; };
}

bool is_made_again_easily(const UsageEntry& entry) {
  return entry.type == UsageType::source_local || entry.type == UsageType::exec_cachemount ||
         entry.type == UsageType::source_git_checkout;
}

}  // namespace

GcLimits default_gc_limits(std::uint64_t disk_size) {
  GcLimits limits;
  limits.reserved_space = std::min(percent_of(disk_size, 10), 10 * kGigabyte);
  limits.max_used_space = std::min(percent_of(disk_size, 80), 100 * kGigabyte);
  limits.min_free_space = percent_of(disk_size, 20);
  return limits;
}

std::optional<GcLimits> parse_gc_limits(std::string_view setting, std::uint64_t disk_size) {
  if (setting == "off") return std::nullopt;
  GcLimits limits = default_gc_limits(disk_size);
  if (setting.empty() || setting == "on") return limits;
  for (const std::string& part : util::split(setting, ',')) set_limit(limits, part, disk_size);
  // Who wants little wants it although more would be reserved.
  limits.reserved_space = std::min(limits.reserved_space, limits.max_used_space);
  return limits;
}

std::vector<PrunePolicy> gc_policies(const GcLimits& limits, std::int64_t now) {
  PrunePolicy easy;
  easy.filter = [unused = not_used_since(now - 48 * kHour)](const UsageEntry& entry) {
    return is_made_again_easily(entry) && unused(entry);
  };
  easy.max_used_space = 512 * kMegabyte;
  PrunePolicy old;
  old.filter = not_used_since(now - 60 * 24 * kHour);
  old.reserved_space = limits.reserved_space;
  PrunePolicy full;
  full.reserved_space = limits.reserved_space;
  full.max_used_space = limits.max_used_space;
  full.min_free_space = limits.min_free_space;
  PrunePolicy everything = full;
  everything.all = true;
  return {easy, old, full, everything};
}

bool gc_is_due(const fs::path& root, const GcLimits& limits, std::int64_t now) {
  struct stat status = {};
  if (::stat(stamp_of(root).c_str(), &status) != 0) {
    if (errno == ENOENT && fs::exists(root / "version")) util::write_file_atomically(stamp_of(root), "");
    return false;
  }
  const std::int64_t last = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  // A clock that was set back must not put it off for years. Who has just written it may have done so after `now`.
  const bool set_back = last - now > kMinute;
  const std::int64_t age = set_back ? 24 * kHour : now - last;
  if (age < kHour) return false;
  return age >= 24 * kHour || free_space_of(root) < limits.min_free_space;
}

std::optional<std::vector<UsageEntry>> collect_garbage(CacheDir& cache, const GcLimits& limits, std::int64_t now) {
  auto deleted = prune_if_alone(cache, gc_policies(limits, now));
  if (deleted) util::write_file_atomically(stamp_of(cache.root()), "");
  return deleted;
}

}  // namespace cache
