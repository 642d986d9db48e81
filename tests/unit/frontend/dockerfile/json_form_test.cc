#include "frontend/dockerfile/json_form.h"

#include <doctest/doctest.h>

#include "util/error.h"

using namespace dockerfile;
using List = std::vector<std::string>;

TEST_CASE("an array of strings is a JSON form") {
  CHECK(*parse_json_form("[]") == List{});
  CHECK(*parse_json_form("  [ \"a\" ,\n\"b c\" ] ") == List{"a", "b c"});
}

TEST_CASE("what is not one complete JSON array is a shell form") {
  for (const char* text : {"",          "a",         "[",           "[\"a\"",        "['a']",
                           "[\"a\",]",  "[,]",       "[\"a\"] x",   "[\"a\" \"b\"]", "[\"a\n\"]",
                           "{\"a\":1}", "[\"\\x\"]", "[\"\\u12\"]", "[01]",          "[1.]",
                           "[+1]",      "[tru]",     "[{\"a\" 1}]", "[{\"a\":1,}]",  "[[1}]",
                           "[\"a\"]]"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_json_form(text));
  }
}

TEST_CASE("a valid array with other values is an error") {
  for (const char* text : {"[1]", "[\"a\", null]", "[true]", "[[\"a\"]]", "[{}]", "[{\"a\":[1,2.5e-3]}]", "[-0.1]"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_json_form(text), util::Error);
  }
}

TEST_CASE("escapes stand for their characters") {
  CHECK((*parse_json_form(R"(["\"\\\/\b\f\n\r\t"])"))[0] == "\"\\/\b\f\n\r\t");
  CHECK((*parse_json_form(R"(["\u00e9\ud55c\ud83d\udc33"])"))[0] == "\u00e9\ud55c\U0001f433");
  CHECK((*parse_json_form(R"(["\ud83d"])"))[0] == "\ufffd");
  CHECK((*parse_json_form(R"(["\ud83d\u0041"])"))[0] == "\ufffd\u0041");
  CHECK((*parse_json_form(R"(["\u0000"])"))[0] == std::string(1, '\0'));
}

TEST_CASE("bytes that are no UTF-8 stay as they are") {
  CHECK((*parse_json_form("[\"\xff\"]"))[0] == "\xff");
}

TEST_CASE("nesting is bounded and costs no stack") {
  CHECK_FALSE(parse_json_form(std::string(1'000'000, '[')));
  CHECK_THROWS_AS(parse_json_form(std::string(9000, '[') + std::string(9000, ']')), util::Error);
}
