#include "solver/ops/step_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>

#include "util/text.h"

namespace ops {
namespace {

constexpr std::size_t kTailLines = 10;
constexpr std::size_t kLongestTailLine = 4096;
constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

std::int64_t limit_from(const char* variable, std::int64_t otherwise) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return otherwise;
  const std::string_view digits(text);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc() && end == digits.data() + digits.size() ? value : otherwise;
}

std::string binary_size(std::int64_t bytes) {
  if (bytes >= 1 << 20 && bytes % (1 << 20) == 0) return fmt::format("{}MiB", bytes >> 20);
  if (bytes >= 1 << 10 && bytes % (1 << 10) == 0) return fmt::format("{}KiB", bytes >> 10);
  return fmt::format("{}B", bytes);
}

}  // namespace

LogLimits LogLimits::from_environment() {
  LogLimits limits;
  limits.size = limit_from("BUILDKIT_STEP_LOG_MAX_SIZE", limits.size);
  limits.per_second = limit_from("BUILDKIT_STEP_LOG_MAX_SPEED", limits.per_second);
  return limits;
}

void StepLog::write(int stream, std::string_view data, Clock::time_point now) {
  remember(data);
  const std::int64_t by_size = limits_.size < 0 ? kUnlimited : limits_.size;
  std::int64_t by_speed = kUnlimited;
  if (limits_.per_second >= 0) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(now - start_).count() + 1;
    by_speed = limits_.per_second * std::max<std::int64_t>(seconds, 1);
  }
  const std::int64_t room = std::max<std::int64_t>(0, std::min(by_size, by_speed) - printed_);
  const std::size_t kept =
      static_cast<std::size_t>(std::min<std::int64_t>(room, static_cast<std::int64_t>(data.size())));
  printed_ += static_cast<std::int64_t>(kept);
  if (kept > 0) emit(stream, data.substr(0, kept));
  if (kept == data.size()) {
    clipping_ = false;
    return;
  }
  if (clipping_) return;
  clipping_ = true;
  const std::string limit = by_speed < by_size ? binary_size(limits_.per_second) + "/s" : binary_size(limits_.size);
  emit(stream, fmt::format("\n[output clipped, log limit {} reached]\n", limit));
}

void StepLog::remember(std::string_view data) {
  for (std::size_t start = 0; start < data.size();) {
    const std::size_t end = data.find('\n', start);
    const std::string_view part = data.substr(start, end == std::string_view::npos ? end : end - start);
    if (last_.size() < kLongestTailLine) last_ += part.substr(0, kLongestTailLine - last_.size());
    if (end == std::string_view::npos) return;
    if (last_.ends_with('\r')) last_.pop_back();
    lines_.push_back(std::move(last_));
    last_.clear();
    if (lines_.size() > kTailLines) lines_.pop_front();
    start = end + 1;
  }
}

std::vector<std::string> StepLog::tail() const {
  std::vector<std::string> tail(lines_.begin(), lines_.end());
  if (!last_.empty()) tail.push_back(last_);
  if (tail.size() > kTailLines) tail.erase(tail.begin());
  return tail;
}

void StepLog::emit(int stream, std::string_view data) {
  sink_.emit(util::TaskLog{task_, stream, std::string(data), util::now()});
}

}  // namespace ops
