// Sizes and durations as people write them.
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

#include "util/text.h"

namespace util {
namespace {

constexpr std::uint64_t kNanosecond = 1;
constexpr std::uint64_t kMicrosecond = 1000 * kNanosecond;
constexpr std::uint64_t kMillisecond = 1000 * kMicrosecond;
constexpr std::uint64_t kSecond = 1000 * kMillisecond;
constexpr std::uint64_t kMinute = 60 * kSecond;
constexpr std::uint64_t kHour = 60 * kMinute;
constexpr std::uint64_t kLargest = std::uint64_t{1} << 63;  // magnitude of the smallest int64

/// Nanoseconds of a unit; 0 for an unknown one.
std::uint64_t unit_of(std::string_view name) {
  if (name == "ns") return kNanosecond;
  if (name == "us" || name == "\u00b5s" || name == "\u03bcs") return kMicrosecond;
  if (name == "ms") return kMillisecond;
  if (name == "s") return kSecond;
  if (name == "m") return kMinute;
  if (name == "h") return kHour;
  return 0;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Reads digits; nullopt when they exceed the range of a duration.
std::optional<std::uint64_t> leading_integer(std::string_view& text) {
  std::uint64_t value = 0;
  while (!text.empty() && is_digit(text[0])) {
    if (value > kLargest / 10) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(text[0] - '0');
    if (value > kLargest) return std::nullopt;
    text.remove_prefix(1);
  }
  return value;
}

/// Reads the digits of a fraction as value / scale; digits beyond the precision are skipped.
struct Fraction {
  std::uint64_t value = 0;
  double scale = 1;
};
Fraction leading_fraction(std::string_view& text) {
  Fraction fraction;
  bool full = false;
  for (; !text.empty() && is_digit(text[0]); text.remove_prefix(1)) {
    if (full) continue;
    std::uint64_t next = fraction.value * 10 + static_cast<std::uint64_t>(text[0] - '0');
    if (fraction.value > (kLargest - 1) / 10 || next > kLargest) {
      full = true;
      continue;
    }
    fraction.value = next;
    fraction.scale *= 10;
  }
  return fraction;
}

/// One "1.5h" from the front of `text`.
std::optional<std::uint64_t> leading_term(std::string_view& text) {
  std::size_t before = text.size();
  std::optional<std::uint64_t> whole = leading_integer(text);
  if (!whole) return std::nullopt;
  bool digits = text.size() != before;
  Fraction fraction;
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    before = text.size();
    fraction = leading_fraction(text);
    digits = digits || text.size() != before;
  }
  if (!digits) return std::nullopt;
  std::size_t length = 0;
  while (length < text.size() && text[length] != '.' && !is_digit(text[length])) ++length;
  std::uint64_t unit = unit_of(text.substr(0, length));
  if (unit == 0 || *whole > kLargest / unit) return std::nullopt;
  text.remove_prefix(length);
  std::uint64_t value = *whole * unit;
  if (fraction.value > 0) {
    value +=
        static_cast<std::uint64_t>(static_cast<double>(fraction.value) * (static_cast<double>(unit) / fraction.scale));
    if (value > kLargest) return std::nullopt;
  }
  return value;
}

/// "1.5" for 1500000000 and 9 digits of fraction; trailing zeros cut.
std::string with_fraction(std::uint64_t value, std::uint64_t unit) {
  std::string text = fmt::format("{}", value / unit);
  std::uint64_t rest = value % unit;
  if (rest == 0) return text;
  std::string digits = fmt::format("{}", unit + rest);  // the leading 1 keeps the zeros
  digits[0] = '.';
  digits.erase(digits.find_last_not_of('0') + 1);
  return text + digits;
}

}  // namespace

std::string human_size(std::uint64_t bytes, int digits) {
  constexpr std::array<std::string_view, 7> kUnits = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  // Rounding to three digits may reach the next unit, hence 999.5 and not 1000.
  const double limit = digits == 3 ? 999.5 : 1000;
  while (value >= limit && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  if (unit == 0) return fmt::format("{}B", bytes);
  return fmt::format("{:.{}g}{}", value, digits, kUnits[unit]);
}

std::string human_duration(std::int64_t nanoseconds) {
  const std::int64_t seconds = nanoseconds / static_cast<std::int64_t>(kSecond);
  const std::int64_t minutes = seconds / 60;
  const std::int64_t hours = (seconds + 1800) / 3600;
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return fmt::format("{} seconds", seconds);
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return fmt::format("{} minutes", minutes);
  if (hours == 1) return "About an hour";
  if (hours < 48) return fmt::format("{} hours", hours);
  if (hours < 24 * 7 * 2) return fmt::format("{} days", hours / 24);
  if (hours < 24 * 30 * 2) return fmt::format("{} weeks", hours / 24 / 7);
  if (hours < 24 * 365 * 2) return fmt::format("{} months", hours / 24 / 30);
  return fmt::format("{} years", seconds / 3600 / 24 / 365);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::size_t last = text.find_last_of("0123456789. ");
  if (last == std::string_view::npos) return std::nullopt;
  std::string_view number = text.substr(0, text[last] == ' ' ? last : last + 1);
  std::string_view suffix = text.substr(last + 1);
  if (number.starts_with('+')) {
    number.remove_prefix(1);
    if (number.starts_with('-')) return std::nullopt;
  }
  double size = 0;
  auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), size);
  if (error != std::errc() || end != number.data() + number.size() || size < 0) return std::nullopt;

  if (!suffix.empty()) {
    std::string unit = to_lower(suffix);
    std::size_t power = std::string_view("bkmgtp").find(unit[0]);
    std::string_view rest = std::string_view(unit).substr(1);
    if (power == std::string_view::npos || !(rest.empty() || (power > 0 && (rest == "b" || rest == "ib")))) {
      return std::nullopt;
    }
    size *= static_cast<double>(std::uint64_t{1} << (10 * power));
  }
  // Also refuses NaN and infinity.
  if (!(size < static_cast<double>(kLargest))) return std::nullopt;
  return static_cast<std::uint64_t>(size);
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  std::uint64_t total = 0;
  while (!text.empty()) {
    std::optional<std::uint64_t> term = leading_term(text);
    if (!term) return std::nullopt;
    total += *term;  // both at most 2^63: cannot wrap
    if (total > kLargest || total < *term) return std::nullopt;
  }
  if (negative) return static_cast<std::int64_t>(-total);
  if (total == kLargest) return std::nullopt;
  return static_cast<std::int64_t>(total);
}

std::string format_duration(std::int64_t nanoseconds) {
  if (nanoseconds == 0) return "0s";
  std::string sign = nanoseconds < 0 ? "-" : "";
  std::uint64_t value = static_cast<std::uint64_t>(nanoseconds);
  if (nanoseconds < 0) value = -value;
  if (value < kMicrosecond) return fmt::format("{}{}ns", sign, value);
  if (value < kMillisecond) return sign + with_fraction(value, kMicrosecond) + "\u00b5s";
  if (value < kSecond) return sign + with_fraction(value, kMillisecond) + "ms";
  std::string text = sign;
  if (value >= kHour) text += fmt::format("{}h", value / kHour);
  if (value >= kMinute) text += fmt::format("{}m", value % kHour / kMinute);
  return text + with_fraction(value % kMinute, kSecond) + "s";
}

}  // namespace util
