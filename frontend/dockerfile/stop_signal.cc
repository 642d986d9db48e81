#include "frontend/dockerfile/stop_signal.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <vector>

#include "frontend/dockerfile/suggestion.h"
#include "util/error.h"
#include "util/text.h"

namespace dockerfile {
namespace {

constexpr std::string_view kSignals[] = {
    "ABRT", "ALRM", "BUS",  "CHLD", "CLD",  "CONT", "FPE",    "HUP",    "ILL",  "INT",  "IO",    "IOT",
    "KILL", "PIPE", "POLL", "PROF", "PWR",  "QUIT", "SEGV",   "STKFLT", "STOP", "SYS",  "TERM",  "TRAP",
    "TSTP", "TTIN", "TTOU", "URG",  "USR1", "USR2", "VTALRM", "WINCH",  "XCPU", "XFSZ", "RTMIN", "RTMAX",
};
constexpr int kRealTimeSignals = 15;

/// The number of a signal: any but 0, since what it means is up to the system that the image runs on.
bool is_signal_number(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value != 0;
}

bool is_number(std::string_view text, int lowest, int highest) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= lowest && value <= highest;
}

}  // namespace

void check_stop_signal(std::string_view text) {
  if (is_signal_number(text)) return;
  std::string name = util::to_upper(text);
  if (name.starts_with("SIG")) name.erase(0, 3);
  if (std::find(std::begin(kSignals), std::end(kSignals), name) != std::end(kSignals)) return;
  for (const std::string_view base : {"RTMIN+", "RTMAX-"}) {
    if (name.starts_with(base) && is_number(std::string_view(name).substr(base.size()), 1, kRealTimeSignals)) return;
  }
  std::vector<std::string> known;
  for (const std::string_view signal : kSignals) known.push_back(fmt::format("SIG{}", signal));
  throw util::Error(fmt::format("STOPSIGNAL `{}`: unknown signal{}", text, suggestion_text("SIG" + name, known)),
                    "give a name such as SIGTERM, or a number");
}

}  // namespace dockerfile
