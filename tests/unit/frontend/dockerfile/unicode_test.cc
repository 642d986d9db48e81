#include "frontend/dockerfile/unicode.h"

#include <doctest/doctest.h>

using namespace dockerfile;

TEST_CASE("code points are decoded with their width, stray bytes are themselves") {
  CHECK(unicode::decode("a", 0).value == 'a');
  CHECK(unicode::decode("\xc3\xa9", 0).value == 0xe9);
  CHECK(unicode::decode("\xed\x95\x9c", 0).width == 3);
  CHECK(unicode::decode("\xf0\x9f\x90\xb3", 0).value == 0x1f433);
  for (const char* bad : {"\xff", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"}) {
    CHECK(unicode::decode(bad, 0).width == 1);
    CHECK(unicode::decode(bad, 0).value > 0x10ffff);
  }
}

TEST_CASE("letters, digits and white space are those of Unicode") {
  CHECK(unicode::is_letter('z'));
  CHECK(unicode::is_letter(0xd55c));
  CHECK_FALSE(unicode::is_letter('_'));
  CHECK_FALSE(unicode::is_letter(0x1f433));
  CHECK(unicode::is_digit('7'));
  CHECK(unicode::is_digit(0x0663));
  CHECK_FALSE(unicode::is_digit('a'));
  CHECK(unicode::is_space(0xa0));
  CHECK(unicode::is_space('\v'));
  CHECK_FALSE(unicode::is_space(0x200b));
}

TEST_CASE("trimming takes wide blanks and leaves half characters alone") {
  CHECK(unicode::trim(" \xc2\xa0 x\xe3\x80\x80\t") == "x");
  CHECK(unicode::trim("x\x80") == "x\x80");
  CHECK(unicode::trim("\x80\x80\x80\x80\x80") == "\x80\x80\x80\x80\x80");
  CHECK(unicode::trim("  ").empty());
}
