#include "util/time.h"

#include <doctest/doctest.h>

#include <limits>

TEST_CASE("times are written as RFC 3339 in UTC without trailing zeros") {
  CHECK(util::format_rfc3339(0) == "1970-01-01T00:00:00Z");
  CHECK(util::format_rfc3339(1714564800123456789) == "2024-05-01T12:00:00.123456789Z");
  CHECK(util::format_rfc3339(1714564800120000000) == "2024-05-01T12:00:00.12Z");
  CHECK(util::format_rfc3339(-1) == "1969-12-31T23:59:59.999999999Z");
  CHECK(util::format_rfc3339(951782400000000000) == "2000-02-29T00:00:00Z");
}

TEST_CASE("times are read with any offset") {
  CHECK(util::parse_rfc3339("1970-01-01T00:00:00Z") == 0);
  CHECK(util::parse_rfc3339("2024-05-01T14:30:00.5+02:30") == 1714564800500000000);
  CHECK(util::parse_rfc3339("2024-05-01T07:00:00-05:00") == 1714564800000000000);
  CHECK(util::parse_rfc3339("2024-05-01T12:00:00.1234567891234Z") == 1714564800123456789);
  CHECK(util::parse_rfc3339("1969-12-31T23:59:59.999999999Z") == -1);
}

TEST_CASE("what is written is read back") {
  for (std::int64_t time : {std::int64_t{1}, std::int64_t{-62135596800}, std::int64_t{1700000000000000001},
                            std::numeric_limits<std::int64_t>::max()}) {
    CHECK(util::parse_rfc3339(util::format_rfc3339(time)) == time);
  }
}

TEST_CASE("malformed times give nothing") {
  for (const char* bad :
       {"", "2024", "2024-05-01", "2024-05-01T12:00:00", "2024-05-01 12:00:00Z", "2024-13-01T12:00:00Z",
        "2024-02-30T12:00:00Z", "2023-02-29T12:00:00Z", "2024-05-01T24:00:00Z", "2024-05-01T12:60:00Z",
        "2024-05-01T12:00:60Z", "2024-05-01T12:00:00.Z", "2024-05-01T12:00:00Zx", "2024-05-01T12:00:00+2:00",
        "2024-05-01T12:00:00+02:60", "9999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "-024-05-01T12:00:00Z"}) {
    CAPTURE(bad);
    CHECK_FALSE(util::parse_rfc3339(bad));
  }
}
