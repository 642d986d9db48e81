#include "util/text.h"

#include <doctest/doctest.h>

#include <limits>

using Strings = std::vector<std::string>;

TEST_CASE("trim, split, join and replace") {
  CHECK(util::trim(" \t a b \r\n") == "a b");
  CHECK(util::trim(" \n") == "");
  CHECK(util::split("a,,b,", ',') == Strings{"a", "", "b", ""});
  CHECK(util::split("", ',') == Strings{""});
  CHECK(util::join(Strings{"a", "b", "c"}, ", ") == "a, b, c");
  CHECK(util::join(Strings{}, ", ") == "");
  CHECK(util::replace_all("aaXaX", "X", "YX") == "aaYXaYX");
  CHECK(util::replace_all("abc", "", "x") == "abc");
}

TEST_CASE("case is that of ASCII") {
  CHECK(util::to_lower("AbZ\xc3\x89[") == "abz\xc3\x89[");
  CHECK(util::to_upper("aZ{") == "AZ{");
  CHECK(util::equal_ignoring_case("Run", "rUN"));
  CHECK_FALSE(util::equal_ignoring_case("Run", "Runs"));
}

TEST_CASE("a suggestion is the nearest candidate below distance three") {
  Strings names = {"COPY", "RUN", "FROM", "ENV", "EXPOSE"};
  CHECK(util::suggest("COYP", names) == "COPY");
  CHECK(util::suggest("exposed", names) == "EXPOSE");
  CHECK(util::suggest("FORM", names) == "FROM");
  CHECK(util::suggest("RNU", Strings{"ENV", "RUN"}) == "RUN");  // swapped letters are nearer than two others
  CHECK_FALSE(util::suggest("WORKDIR", names));
  CHECK_FALSE(util::suggest("run", names));
  CHECK(util::suggest("ab", Strings{"abcd", "abc", "ab1"}) == "abc");
  CHECK_FALSE(util::suggest("x", Strings{}));
}

TEST_CASE("sizes are shown with three digits and decimal units") {
  CHECK(util::human_size(3192600, 4) == "3.193MB");
  CHECK(util::human_size(20630, 4) == "20.63kB");
  CHECK(util::human_size(0) == "0B");
  CHECK(util::human_size(999) == "999B");
  CHECK(util::human_size(1000) == "1kB");
  CHECK(util::human_size(1234) == "1.23kB");
  CHECK(util::human_size(1234567) == "1.23MB");
  CHECK(util::human_size(72900000) == "72.9MB");
  CHECK(util::human_size(999999) == "1MB");
  CHECK(util::human_size(std::numeric_limits<std::uint64_t>::max()) == "18.4EB");
}

TEST_CASE("sizes are read with binary units") {
  CHECK(util::parse_size("1024") == 1024);
  CHECK(util::parse_size("64m") == 64 << 20);
  CHECK(util::parse_size("1g") == 1 << 30);
  CHECK(util::parse_size("512K") == 512 << 10);
  CHECK(util::parse_size("32kb") == 32 << 10);
  CHECK(util::parse_size("32 KiB") == 32 << 10);
  CHECK(util::parse_size("1.5GB") == 1610612736);
  CHECK(util::parse_size(".5k") == 512);
  CHECK(util::parse_size("5.k") == 5120);
  CHECK(util::parse_size("10b") == 10);
  CHECK(util::parse_size("+1k") == 1024);
  CHECK(util::parse_size("1p") == std::uint64_t{1} << 50);
  for (const char* bad : {"", "k", "-1", "-64m", "1x", "1kbb", "1kx", "1kib2", "1 2", " 1", "1  k", "1e999", "nan",
                          "inf", "+-1", "1mib ", "9000000000000p", "1bb", "0x10"}) {
    CAPTURE(bad);
    CHECK_FALSE(util::parse_size(bad));
  }
}

TEST_CASE("durations are read and written as by Go") {
  const std::int64_t second = 1000000000;
  CHECK(util::parse_duration("1m30s") == 90 * second);
  CHECK(util::parse_duration("100ms") == second / 10);
  CHECK(util::parse_duration("1.5h") == 5400 * second);
  CHECK(util::parse_duration("-1.5s") == -1500000000);
  CHECK(util::parse_duration("+5s") == 5 * second);
  CHECK(util::parse_duration("0") == 0);
  CHECK(util::parse_duration(".5s") == second / 2);
  CHECK(util::parse_duration("1.s") == second);
  CHECK(util::parse_duration("10us") == 10000);
  CHECK(util::parse_duration("10\u00b5s") == 10000);
  CHECK(util::parse_duration("10\u03bcs") == 10000);
  CHECK(util::parse_duration("3ns") == 3);
  CHECK(util::parse_duration("0.3333333333333333333h") == 20 * 60 * second);
  CHECK(util::parse_duration("9223372036854775807ns") == std::numeric_limits<std::int64_t>::max());
  CHECK(util::parse_duration("-9223372036854775808ns") == std::numeric_limits<std::int64_t>::min());
  for (const char* bad : {"", "1", "s", ".s", "-", "+", "1x", "1s2", "--1s", "9223372036854775808ns", "3000000h",
                          "99999999999999999999s", "1 s", "9223372036854775807ns9223372036854775807ns"}) {
    CAPTURE(bad);
    CHECK_FALSE(util::parse_duration(bad));
  }
  CHECK(util::format_duration(0) == "0s");
  CHECK(util::format_duration(1) == "1ns");
  CHECK(util::format_duration(1100) == "1.1\u00b5s");
  CHECK(util::format_duration(100000000) == "100ms");
  CHECK(util::format_duration(90 * second) == "1m30s");
  CHECK(util::format_duration(3600 * second) == "1h0m0s");
  CHECK(util::format_duration(-1500000000) == "-1.5s");
  CHECK(util::format_duration(second + 5) == "1.000000005s");
  CHECK(util::format_duration(std::numeric_limits<std::int64_t>::min()) == "-2562047h47m16.854775808s");
}

TEST_CASE("quoting is that of Go's %q") {
  CHECK(util::quote("plain") == "\"plain\"");
  CHECK(util::quote("a\"b\\c") == R"("a\"b\\c")");
  CHECK(util::quote("\a\b\f\n\r\t\v") == R"("\a\b\f\n\r\t\v")");
  CHECK(util::quote(std::string_view("\0\x1b\x7f", 3)) == R"("\x00\x1b\x7f")");
  CHECK(util::quote("\u00e9\u263a\U0001f600") == "\"\u00e9\u263a\U0001f600\"");
  CHECK(util::quote("\xff\xc3") == R"("\xff\xc3")");
  CHECK(util::quote("\xed\xa0\x80") == R"("\xed\xa0\x80")");
  CHECK(util::quote("\u00a0\u2028\ufeff\U000f0000") == R"("\u00a0\u2028\ufeff\U000f0000")");
  CHECK(util::quote("\u0085\u00ad") == R"("\u0085\u00ad")");
  CHECK(util::quote("\ufffd") == "\"\ufffd\"");
}

TEST_CASE("base64 goes both ways") {
  for (const std::string& text : {std::string(), std::string("f"), std::string("fo"), std::string("foo"),
                                  std::string("foob"), std::string("\0\xff\x80z", 4)}) {
    CHECK(util::base64_decode(util::base64_encode(text)) == text);
  }
  CHECK(util::base64_encode("foob") == "Zm9vYg==");
  CHECK(util::base64_encode("user:pass") == "dXNlcjpwYXNz");
  CHECK(util::base64_decode("Zm9vYg") == "foob");
  CHECK(util::base64_decode("_-8=") == util::base64_decode("/+8="));
  for (const char* bad : {"Z", "Zm9v Yg==", "Zm9vYg=", "====", "Z===", "Zm=v"}) {
    CAPTURE(bad);
    CHECK_FALSE(util::base64_decode(bad));
  }
}

TEST_CASE("durations for people, as docker prints them") {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::pair<std::int64_t, const char*> cases[] = {
      {-5, "Less than a second"}, {0, "Less than a second"}, {1, "1 second"}, {59, "59 seconds"}, {60, "About a minute"},
      {119, "About a minute"}, {120, "2 minutes"}, {3599, "59 minutes"}, {3600, "About an hour"}, {5400, "2 hours"},
      {86400, "24 hours"}, {2 * 86400, "2 days"}, {8 * 86400, "8 days"}, {14 * 86400, "2 weeks"}, {60 * 86400, "2 months"},
      {729 * 86400, "24 months"}, {730 * 86400, "2 years"}};
  for (const auto& [seconds, text] : cases) CHECK(util::human_duration(seconds * kSecond) == text);
}
