#include "tools/images/usage_filter.h"

#include <doctest/doctest.h>

#include "tools/builder/usage_error.h"

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNow = 1'000'000 * kSecond;

cache::UsageEntry layer() {
  cache::UsageEntry entry;
  entry.id = "0123456789abcdef012345678";
  entry.description = "[2/3] RUN make";
  entry.size = 10;
  entry.used = kNow - 3600 * kSecond;
  return entry;
}

bool fits(const std::vector<std::string>& filters, const cache::UsageEntry& entry = layer()) {
  return builder::parse_usage_filters(filters, kNow)(entry);
}

}  // namespace

TEST_CASE("filters of du and prune: all must hold") {
  CHECK(builder::parse_usage_filters({}, kNow) == nullptr);
  CHECK(fits({"type=regular"}));
  CHECK_FALSE(fits({"type!=regular"}));
  CHECK(fits({"type==regular,description~=RUN"}));
  CHECK_FALSE(fits({"type=regular", "description~=COPY"}));
  CHECK(fits({"id=0123"}));
  CHECK(fits({"id=0123456789abcdef012345678*"}));
  CHECK_FALSE(fits({"id=123"}));
  CHECK_FALSE(fits({"id="}));
  CHECK(fits({"until=30m"}));
  CHECK_FALSE(fits({"until=24h"}));
  CHECK(fits({"private,immutable"}));
  CHECK_FALSE(fits({"inuse"}));
  CHECK(fits({"inuse=false"}));
  CHECK_FALSE(fits({"mutable"}));
}

TEST_CASE("a pattern may be matched against a description of any length") {
  cache::UsageEntry entry = layer();
  entry.description = "RUN " + std::string(1'000'000, 'x') + "end";
  CHECK(fits({"description~=^RUN (x|y)*end$"}, entry));
  CHECK_FALSE(fits({"description~=^RUN (x|y)*$"}, entry));
  CHECK(fits({R"(description~=\bend\z)"}, [] {
    cache::UsageEntry named = layer();
    named.description = "the end";
    return named;
  }()));
}

TEST_CASE("filters that make no sense are refused") {
  for (const char* filter : {"", "nonsense", "nonsense=1", "until=soon", "until=-5h", "inuse=maybe", "id~=[", "type!regular"}) {
    CAPTURE(filter);
    CHECK_THROWS_AS(builder::parse_usage_filters({filter}, kNow), builder::UsageError);
  }
}

TEST_CASE("moments: spans back from now, times, days, seconds") {
  CHECK(builder::parse_moment("1h", kNow) == kNow - 3600 * kSecond);
  CHECK(builder::parse_moment("1970-01-02T00:00:00Z", kNow) == 86400 * kSecond);
  CHECK(builder::parse_moment("1970-01-02", kNow) == 86400 * kSecond);
  CHECK(builder::parse_moment("86400", kNow) == 86400 * kSecond);
  CHECK_FALSE(builder::parse_moment("", kNow).has_value());
  CHECK_FALSE(builder::parse_moment("yesterday", kNow).has_value());
  CHECK_FALSE(builder::parse_moment("9223372036854775807", kNow).has_value());
}
