#include "util/time.h"

#include <fmt/format.h>

#include <chrono>

namespace util {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
constexpr std::int64_t kSecond = 1'000'000'000;

/// Consumes text from the front, digit by digit.
struct Cursor {
  std::string_view rest;
  bool valid = true;

  int number(std::size_t digits) {
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (rest.empty() || rest[0] < '0' || rest[0] > '9') {
        valid = false;
        return 0;
      }
      value = value * 10 + (rest[0] - '0');
      rest.remove_prefix(1);
    }
    return value;
  }
  bool accept(char c) {
    if (rest.empty() || rest[0] != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  void expect(char c) { valid = accept(c) && valid; }
};

/// ".123" -> 123000000; digits past the ninth are cut. 0 when there is no fraction.
std::int64_t fraction(Cursor& cursor) {
  if (!cursor.accept('.')) return 0;
  std::int64_t value = 0;
  std::int64_t unit = kSecond;
  bool any = false;
  while (!cursor.rest.empty() && cursor.rest[0] >= '0' && cursor.rest[0] <= '9') {
    unit /= 10;
    value += unit * (cursor.rest[0] - '0');
    cursor.rest.remove_prefix(1);
    any = true;
  }
  cursor.valid = cursor.valid && any;
  return value;
}

/// "Z" or "+02:00", in seconds east of UTC.
std::int64_t zone_offset(Cursor& cursor) {
  if (cursor.accept('Z') || cursor.accept('z')) return 0;
  int sign = 1;
  if (cursor.accept('-')) {
    sign = -1;
  } else {
    cursor.expect('+');
  }
  int hours = cursor.number(2);
  cursor.expect(':');
  int minutes = cursor.number(2);
  cursor.valid = cursor.valid && hours <= 24 && minutes < 60;
  return sign * (hours * 3600 + minutes * 60);
}

}  // namespace

std::string format_rfc3339(std::int64_t nanoseconds) {
  std::int64_t seconds = nanoseconds / kSecond;
  std::int64_t rest = nanoseconds % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --seconds;
  }
  std::chrono::sys_seconds point{std::chrono::seconds(seconds)};
  sys_days day = std::chrono::floor<days>(point);
  std::chrono::year_month_day date(day);
  std::chrono::hh_mm_ss clock(point - day);
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                                 static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                                 clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (rest != 0) {
    text += fmt::format(".{:09}", rest);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text + "Z";
}

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  Cursor cursor{text};
  int year = cursor.number(4);
  cursor.expect('-');
  int month = cursor.number(2);
  cursor.expect('-');
  int day = cursor.number(2);
  if (!cursor.accept('T')) cursor.expect('t');
  int hour = cursor.number(2);
  cursor.expect(':');
  int minute = cursor.number(2);
  cursor.expect(':');
  int second = cursor.number(2);
  std::int64_t nanoseconds = fraction(cursor);
  std::int64_t offset = zone_offset(cursor);
  if (!cursor.valid || !cursor.rest.empty()) return std::nullopt;
  std::chrono::year_month_day date(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day)));
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  std::int64_t seconds =
      std::int64_t{sys_days(date).time_since_epoch().count()} * 86400 + hour * 3600 + minute * 60 + second - offset;
  std::int64_t result = 0;
  if (__builtin_mul_overflow(seconds, kSecond, &result) || __builtin_add_overflow(result, nanoseconds, &result)) {
    return std::nullopt;
  }
  return result;
}

std::int64_t now_nanoseconds() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
}

}  // namespace util
