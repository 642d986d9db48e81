#include "frontend/dockerfile/csv.h"

#include <doctest/doctest.h>

#include "util/error.h"

using namespace dockerfile;
using List = std::vector<std::string>;

TEST_CASE("fields are separated by commas and may be quoted") {
  CHECK(parse_csv_record("a,b=c,,d") == List{"a", "b=c", "", "d"});
  CHECK(parse_csv_record("\"a,b\",\"c\"\"d\",") == List{"a,b", "c\"d", ""});
  CHECK(parse_csv_record("a\nb") == List{"a"});
  CHECK(parse_csv_record("\na\r\nb") == List{"a"});
}

TEST_CASE("misplaced quotes and empty lists are refused") {
  for (const char* text : {"", "\n", "\"a", "a\"b", "\"a\"b", "\"a\"\"", "a,\"b\"c"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_csv_record(text), util::Error);
  }
}
