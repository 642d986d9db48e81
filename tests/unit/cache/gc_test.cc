#include "cache/gc.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>

#include "tests/unit/cache/fixture.h"
#include "util/error.h"
#include "util/time.h"

namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMegabyte = 1000 * 1000;
constexpr std::uint64_t kGigabyte = 1000 * kMegabyte;
constexpr std::int64_t kHour = 3600LL * 1000 * 1000 * 1000;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kNow = 1000 * kDay;

cache::UsageEntry entry(const std::string& id, cache::UsageType type, std::uint64_t size, std::int64_t age) {
  cache::UsageEntry made;
  made.id = id;
  made.type = type;
  made.size = size;
  made.used = made.created = kNow - age;
  return made;
}

/// Ids that the policies take one after the other, with a bar between policies.
std::string collected(cache::UsageReport report, const cache::GcLimits& limits, std::uint64_t free_space) {
  std::string text;
  for (const cache::PrunePolicy& policy : cache::gc_policies(limits, kNow)) {
    for (const cache::UsageEntry& gone : cache::select_for_pruning(report, policy, free_space)) {
      text += gone.id;
      free_space += gone.size - gone.shared_size;
      std::erase_if(report.entries, [&](const cache::UsageEntry& each) { return each.id == gone.id; });
    }
    text += '|';
  }
  return text;
}

void set_age(const fs::path& file, std::int64_t age) {
  const std::int64_t moment = util::now_nanoseconds() - age;
  const timespec time{moment / 1'000'000'000, moment % 1'000'000'000};
  const timespec times[2] = {time, time};
  REQUIRE(::utimensat(AT_FDCWD, file.c_str(), times, 0) == 0);
}

constexpr cache::GcLimits kWide{10 * kGigabyte, 100 * kGigabyte, 0};

}  // namespace

TEST_CASE("the limits of a disk are BuildKit's") {
  const cache::GcLimits small = cache::default_gc_limits(50 * kGigabyte);
  CHECK(small.reserved_space == 5 * kGigabyte);
  CHECK(small.max_used_space == 40 * kGigabyte);
  CHECK(small.min_free_space == 10 * kGigabyte);
  const cache::GcLimits large = cache::default_gc_limits(1000 * kGigabyte);
  CHECK(large.reserved_space == 10 * kGigabyte);
  CHECK(large.max_used_space == 100 * kGigabyte);
  CHECK(large.min_free_space == 200 * kGigabyte);
}

TEST_CASE("limits are sizes or shares of the disk") {
  CHECK_FALSE(cache::parse_gc_limits("off", kGigabyte));
  CHECK(cache::parse_gc_limits("", 50 * kGigabyte)->max_used_space == 40 * kGigabyte);
  const auto limits = cache::parse_gc_limits("max-used-space=30%,min-free-space=1024", 100 * kGigabyte);
  REQUIRE(limits);
  CHECK(limits->max_used_space == 30 * kGigabyte);
  CHECK(limits->min_free_space == 1024);
  CHECK(limits->reserved_space == 10 * kGigabyte);
  CHECK(cache::parse_gc_limits("max-used-space=1024", 100 * kGigabyte)->reserved_space == 1024);
  for (const char* wrong : {"max-used-space", "max-used-space=", "max-used-space=101%", "max-used-space=-1%", "used=1GB",
                            "max-used-space=%", "max-used-space=1x,", "1GB"}) {
    CAPTURE(wrong);
    CHECK_THROWS_AS(cache::parse_gc_limits(wrong, kGigabyte), util::Error);
  }
}

TEST_CASE("what is made again easily goes after two days, beyond half a gigabyte") {
  using cache::UsageType;
  cache::UsageReport report;
  report.entries = {entry("a", UsageType::exec_cachemount, 10 * kMegabyte, 3 * kDay),
                    entry("b", UsageType::exec_cachemount, 10 * kMegabyte, kDay),
                    entry("c", UsageType::source_git_checkout, 10 * kMegabyte, 4 * kDay),
                    entry("d", UsageType::regular, 100 * kMegabyte, 5 * kDay)};
  CHECK(collected(report, kWide, kGigabyte) == "||||");
  report.entries.back().size = 600 * kMegabyte;
  CHECK(collected(report, kWide, kGigabyte) == "ca||||");
}

TEST_CASE("beyond the reserved space what was not used for 60 days goes, then the oldest until the limits hold") {
  using cache::UsageType;
  cache::UsageReport report;
  report.entries = {entry("a", UsageType::regular, 6 * kGigabyte, kDay),
                    entry("b", UsageType::regular, 5 * kGigabyte, 59 * kDay),
                    entry("c", UsageType::regular, kGigabyte, 61 * kDay)};
  CHECK(collected(report, kWide, kGigabyte) == "|c|||");
  report.entries.front().size = kGigabyte;
  CHECK(collected(report, kWide, kGigabyte) == "||||");
  CHECK(collected(report, {kGigabyte, 2 * kGigabyte, 0}, kGigabyte) == "|c|b||");
  // The disk lacks 3 GB: the oldest goes, and the next is enough.
  CHECK(collected(report, {0, 100 * kGigabyte, 4 * kGigabyte}, kGigabyte) == "|c|b||");
  CHECK(collected(report, {10 * kGigabyte, 100 * kGigabyte, 4 * kGigabyte}, kGigabyte) == "||||");
}

TEST_CASE("what images have a share in goes last") {
  using cache::UsageType;
  cache::UsageReport report;
  report.entries = {entry("a", UsageType::regular, 3 * kGigabyte, 30 * kDay), entry("b", UsageType::regular, kGigabyte, kDay)};
  report.entries.front().shared_size = kGigabyte;
  CHECK(collected(report, {0, kGigabyte, 0}, kGigabyte) == "||b|a|");
}

TEST_CASE("a collection is due after a day, or after an hour on a full disk; a new store begins to count") {
  const test::TestDir directory;
  const fs::path root = directory / "root";
  const cache::CacheDir cache(root);
  const std::int64_t now = util::now_nanoseconds();
  const cache::GcLimits no_wish{0, 1, 0};
  const cache::GcLimits full{0, 1, ~std::uint64_t{0}};
  CHECK_FALSE(cache::gc_is_due(root, full, now));
  CHECK_FALSE(cache::gc_is_due(root, full, now));
  set_age(root / "gc", 2 * kHour);
  CHECK(cache::gc_is_due(root, full, now));
  CHECK_FALSE(cache::gc_is_due(root, no_wish, now));
  set_age(root / "gc", 25 * kHour);
  CHECK(cache::gc_is_due(root, no_wish, now));
  set_age(root / "gc", -1'000'000);
  CHECK_FALSE(cache::gc_is_due(root, full, now));
  // The clock was set back.
  set_age(root / "gc", -kHour);
  CHECK(cache::gc_is_due(root, no_wish, now));
}

TEST_CASE("a collection keeps the limits, and leaves a store alone that others use") {
  const test::TestDir directory;
  const fs::path root = directory / "root";
  cache::CacheDir cache(root);
  test::LayerFiles files;
  files.file("a", std::string(5000, 'x'));
  cache::CommitOptions options;
  options.pack = cache::PackOptions{};
  const cache::LayerId layer = cache.layers().commit(files.entries, files.opener(), options);
  const auto is_there = [&] { return !cache.records().layer_blobs(layer).empty(); };
  const cache::GcLimits nothing{0, 0, 0};
  const std::int64_t now = util::now_nanoseconds();
  {
    const cache::CacheDir other(root);
    CHECK_FALSE(cache::collect_garbage(cache, nothing, now));
  }
  CHECK(is_there());
  CHECK(cache::collect_garbage(cache, kWide, now)->empty());
  CHECK(is_there());
  CHECK(cache::collect_garbage(cache, nothing, now)->size() == 1);
  CHECK_FALSE(is_there());
  CHECK(fs::exists(root / "gc"));
}
