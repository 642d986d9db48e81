#include "util/json.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "util/error.h"

TEST_CASE("keys are sorted in the dump") {
  CHECK(util::dump_json(util::parse_json(R"( {"b": 1, "a": [true, null, "x"]} )", "x")) ==
        R"({"a":[true,null,"x"],"b":1})");
  CHECK(util::dump_json(util::parse_json(R"({"a":1})", "x"), 2) == "{\n  \"a\": 1\n}");
}

TEST_CASE("a syntax error names the document and the position") {
  CHECK_THROWS_WITH_AS(util::parse_json("{\n \"a\": }", "`config.json`"),
                       "parse `config.json`: line 2, column 7: unexpected '}'; expected '[', '{', or a literal",
                       util::Error);
}

TEST_CASE("what is not strict JSON is refused") {
  for (std::string text : {"", "{", "[1,]", "// c\n1", "{'a':1}", "NaN", "1 2", "\"\xff\"", "\"\\ud800\"", "1e9999",
                           "{\"a\":1,}", "01"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(util::parse_json(text, "x"), util::Error);
  }
}

TEST_CASE("deep nesting is refused, brackets in strings do not count") {
  CHECK_THROWS_AS(util::parse_json(std::string(100000, '['), "x"), util::Error);
  CHECK_THROWS_AS(util::parse_json(std::string(501, '[') + std::string(501, ']'), "x"), util::Error);
  CHECK(util::parse_json(std::string(400, '[') + std::string(400, ']'), "x").is_array());
  CHECK(util::parse_json("\"\\\"" + std::string(1000, '[') + "\"", "x").is_string());
}

TEST_CASE("invalid UTF-8 is replaced in the dump") {
  CHECK(util::dump_json(nlohmann::json("a\xff")) == "\"a\xef\xbf\xbd\"");
}
