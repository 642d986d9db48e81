#include <cstdint>
#include <string>
#include <string_view>

#include "cache/usage.h"
#include "exporter/exporter.h"
#include "frontend/dockerfile/csv.h"
#include "oci/platform.h"
#include "tools/images/usage_filter.h"
#include "util/check.h"
#include "util/error.h"
#include "util/text.h"
#include "util/time.h"

// Input: the value of a flag: --output, --filter, --platform, a time.
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000'000'000;

void check_output(const std::string& text) {
  const exporter::OutputSpec spec = exporter::parse_output(text);
  CHECK(!spec.type.empty());
}

void check_filter(const std::string& text) {
  cache::UsageEntry entry;
  entry.id = "0123456789abcdef012345678";
  entry.description = "[2/3] RUN make";
  entry.used = kNow - 1;
  if (const builder::UsageFilter filter = builder::parse_usage_filters({text}, kNow)) static_cast<void>(filter(entry));
}

void check_platform(const std::string& text) {
  const oci::Platform platform = oci::Platform::parse(text);
  CHECK(oci::match_score(platform, platform) > 0);
}

template <typename F>
void accept_error(F f) {
  try {
    f();
  } catch (const util::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  accept_error([&] { check_output(text); });
  accept_error([&] { check_filter(text); });
  accept_error([&] { check_platform(text); });
  accept_error([&] { CHECK(!dockerfile::parse_csv_record(text).empty()); });
  static_cast<void>(builder::parse_moment(text, kNow));
  if (const auto time = util::parse_rfc3339(text)) CHECK(util::parse_rfc3339(util::format_rfc3339(*time)) == time);
  return 0;
}
