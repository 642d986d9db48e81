#include "util/yaml.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "util/error.h"

namespace {

std::string json(std::string_view text) {
  return util::parse_yaml(text, "test").dump();
}

}  // namespace

TEST_CASE("mappings, sequences and scalars become the values JSON has") {
  CHECK(json("a: 1\nb:\n- x\n- 'y'\n- {c: [d, \"e\"]}\n") == R"({"a":1,"b":["x","y",{"c":["d","e"]}]})");
  CHECK(json("[null, ~, true, FALSE, yes, -7, +7, 0o17, 0x1F, 1.5, '1', 12a, 99999999999999999999]") ==
        R"([null,null,true,false,"yes",-7,7,15,31,"1.5","1","12a","99999999999999999999"])");
  CHECK(json("a: |\n  two\n  lines\n") == R"({"a":"two\nlines\n"})");
  CHECK(json("---\nkind: x # comment\n...\n") == R"({"kind":"x"})");
  CHECK(json("") == "null");
  CHECK(json("{}") == "{}");
}

TEST_CASE("what is malformed or not supported is refused with its line") {
  CHECK_THROWS_WITH_AS(json("a: 1\nb: [1\n"), doctest::Contains("test: line 3"), util::Error);
  CHECK_THROWS_WITH_AS(json("a: 1\na: 2\n"), "test: line 2: the key `a` comes twice", util::Error);
  CHECK_THROWS_WITH_AS(json("a: &x 1\nb: *x\n"), "test: line 1: anchors are not supported", util::Error);
  CHECK_THROWS_WITH_AS(json("[1]: 2\n"), "test: line 1: a key has to be text", util::Error);
  CHECK_THROWS_WITH_AS(json("a: 1\n---\nb: 2\n"), "test: line 2: there is a second document", util::Error);
  CHECK_THROWS_WITH_AS(json(std::string(200, '[') + std::string(200, ']')), "test: line 1: nested too deeply", util::Error);
  CHECK_THROWS_AS(json("a: *x\n"), util::Error);
  CHECK_THROWS_AS(json("\xff\xfe\xfd"), util::Error);
}
