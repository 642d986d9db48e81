#include "frontend/dockerfile/dockerignore.h"

#include <doctest/doctest.h>

#include "util/error.h"

using namespace dockerfile;

TEST_CASE("an ignore file is a list of cleaned patterns") {
  CHECK(parse_dockerignore("\xef\xbb\xbf# comment\n a/ \n\n/b/../c\n! d\n #e\r\n") ==
        std::vector<std::string>{"a", "c", "!d", "#e"});
  CHECK(parse_dockerignore("").empty());
}

TEST_CASE("errors name the line") {
  try {
    parse_dockerignore("a\n\n!\n");
    FAIL("accepted");
  } catch (const util::Error& error) {
    CHECK(error.message() == "ignore file, line 3: illegal exclusion pattern: \"!\"");
  }
  CHECK_THROWS_AS(parse_dockerignore("a[\n"), util::Error);
}
