#include "exporter/epoch.h"

#include <fmt/format.h>

#include <charconv>

#include "util/error.h"

namespace exporter {

std::optional<std::int64_t> effective_epoch(const OutputSpec& output, const std::optional<std::int64_t>& of_build) {
  auto own = output.other.find("source-date-epoch");
  if (own == output.other.end()) return of_build;
  const std::string& text = own->second;
  if (text.empty()) return std::nullopt;
  std::int64_t seconds = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  // The year 2262 is where nanoseconds end.
  constexpr std::int64_t kMost = 9'000'000'000;
  if (error != std::errc() || end != text.data() + text.size() || seconds < -kMost || seconds > kMost) {
    throw util::Error(
        fmt::format("output attribute `source-date-epoch`: `{}` is no number of seconds since 1970", text));
  }
  return seconds;
}

}  // namespace exporter
