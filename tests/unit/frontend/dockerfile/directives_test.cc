#include "frontend/dockerfile/directives.h"

#include <doctest/doctest.h>

#include "util/error.h"

using namespace dockerfile;

TEST_CASE("a directive has a key in any case and blanks where one likes them") {
  DirectiveReader reader;
  Directive directive = reader.read("#  SynTax\t=  a/b:c d ").value();
  CHECK(directive.name == "syntax");
  CHECK(directive.value == "a/b:c");
  CHECK(directive.full == "a/b:c d");
  CHECK(directive.line == 1);
  CHECK(reader.read("#check=skip=all")->line == 2);
}

TEST_CASE("directives end at the first line that is none") {
  for (const char* line : {"", "# hello", "# key=value", "RUN x", "# syntax", "# syntax=", "# =x", "#!x", "# 1a=b"}) {
    CAPTURE(line);
    DirectiveReader reader;
    CHECK_FALSE(reader.read(line));
    CHECK(reader.done());
    CHECK_FALSE(reader.read("# syntax=x"));
  }
}

TEST_CASE("a directive comes once") {
  DirectiveReader reader;
  reader.read("# check=skip=all");
  CHECK_THROWS_AS(reader.read("# CHECK=skip=all"), util::Error);
  CHECK(find_syntax("# syntax=a\n# syntax=b")->value == "a");
  CHECK_FALSE(find_check("# syntax=a\n# syntax=b\n# check=skip=all"));
}

TEST_CASE("hostile JSON is just no directive") {
  CHECK_FALSE(find_syntax("{\"syntax\": 1}"));
  CHECK_FALSE(find_syntax(std::string(100'000, '{')));
  CHECK_FALSE(find_syntax(std::string("{\"a\":") + std::string(100'000, '[')));
  CHECK_FALSE(find_syntax("{\"syntax\": \"\xff\"}"));
}
