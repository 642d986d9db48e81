#include "frontend/dockerfile/words.h"

#include <doctest/doctest.h>

using namespace dockerfile;
using List = std::vector<std::string>;

TEST_CASE("words end at white space outside quotes and keep quotes and escapes") {
  CHECK(split_words("a=1  b='x y' c=\"x \\\" y\" d=x\\ y", '\\') ==
        List{"a=1", "b='x y'", "c=\"x \\\" y\"", "d=x\\ y"});
  CHECK(split_words("", '\\').empty());
  CHECK(split_words(" \t ", '\\').empty());
}

TEST_CASE("inside single quotes nothing is escaped") {
  CHECK(split_words("a='x\\' b", '\\') == List{"a='x\\'", "b"});
}

TEST_CASE("an escape at the end of the text is dropped") {
  CHECK(split_words("a\\", '\\') == List{"a"});
  CHECK(split_words("\"a\\", '\\') == List{"\"a"});
  CHECK(split_words("\\", '\\').empty());
}

TEST_CASE("the escape character may be the backtick") {
  CHECK(split_words("a` b c:\\ d", '`') == List{"a` b", "c:\\", "d"});
}

TEST_CASE("blanks separate pieces, quotes or not") {
  CHECK(split_blanks("'a  b'\tc\rd") == List{"'a", "b'", "c", "d"});
  CHECK(split_blanks("").empty());
  CHECK(split_blanks("a\xc2\xa0"
                     "b") == List{"a\xc2\xa0"
                                  "b"});
}
