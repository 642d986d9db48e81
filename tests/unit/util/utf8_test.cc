#include "util/utf8.h"

#include <doctest/doctest.h>

TEST_CASE("code points are decoded with their length") {
  CHECK(util::decode_rune("a").value == U'a');
  CHECK(util::decode_rune("\u00e9x").value == 0xe9);
  CHECK(util::decode_rune("\u263a").length == 3);
  CHECK(util::decode_rune("\U0010ffff").value == 0x10ffff);
}

TEST_CASE("overlong forms, surrogates, stray and cut-off bytes are invalid") {
  for (const char* text : {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                           "\xf4\x90\x80\x80", "\xf8", "\xff", "\xc3", "\xe2\x98", "\xc3("}) {
    util::Rune rune = util::decode_rune(text);
    CHECK_FALSE(rune.valid);
    CHECK(rune.length == 1);
    CHECK_FALSE(util::is_utf8(text));
  }
  CHECK(util::is_utf8("a\u00e9"));
  CHECK(util::to_valid_utf8("a\xff\u00e9\xc3") == "a\ufffd\u00e9\ufffd");
}
