#include "frontend/dockerfile/parser.h"

#include <doctest/doctest.h>

#include "tests/unit/frontend/dockerfile/builders.h"

using namespace dockerfile;

TEST_CASE("stages collect the instructions that follow their FROM") {
  Dockerfile file = test::parse("ARG x=1\nARG y\n# first the base\nFROM a AS first\nRUN b\nFROM first\nRUN c\nCMD d");
  CHECK(file.global_args.size() == 2);
  REQUIRE(file.stages.size() == 2);
  CHECK(file.stages[0].comment == "the base");
  CHECK(file.stages[0].instructions.size() == 1);
  CHECK(file.stages[1].instructions.size() == 2);
  CHECK(file.source->name == "Dockerfile");
}

TEST_CASE("an instruction knows its names, its text and its lines") {
  Instruction run = test::instruction("  ruN   a \\\n  # x\n   b <<E\nbody\nE\n");
  CHECK(run.name == "RUN");
  CHECK(run.name_text == "ruN");
  CHECK(run.original == "ruN   a    b <<E");
  CHECK(run.range == llb::SourceRange{2, 6});
}

TEST_CASE("directives are part of the result") {
  Dockerfile file = test::parse("# syntax=a/b:1 x\n# check=skip=A;error=true y\n# escape=`\nFROM x");
  CHECK(file.syntax == "a/b:1");
  CHECK(file.check == "skip=A;error=true");
  CHECK(file.escape == '`');
}

TEST_CASE("a comment above an instruction may skip rules for it") {
  CHECK(test::instruction("# check=skip=A,B;error=true not this\n# check=skip=C\nRUN x").skip_checks ==
        std::vector<std::string>{"A", "B", "C"});
  CHECK(test::instruction("# check=skip=all\nRUN x").skip_checks == std::vector<std::string>{"all"});
  CHECK(test::instruction("# check=bogus\nRUN x").skip_checks.empty());
}

TEST_CASE("errors say the first line and cover all lines of the instruction") {
  try {
    test::parse("FROM x\n\nRUN a\nENV a=1 \\\n b\nRUN c");
    FAIL("accepted");
  } catch (const ParseError& error) {
    CHECK(error.message().find("dockerfile parse error on line 4: ") == 0);
    REQUIRE(error.location().ranges.size() == 1);
    CHECK(error.location().ranges[0] == llb::SourceRange{4, 5});
    CHECK(error.location().source->name == "Dockerfile");
  }
}

TEST_CASE("files without stages are refused") {
  CHECK(test::parse_error("") == "dockerfile parse error: the dockerfile cannot be empty");
  CHECK(test::parse_error("\n\n# x\n") == "dockerfile parse error: file with no instructions");
  CHECK(test::parse_error("ARG x\n") == "dockerfile contains no stages to build");
  CHECK(test::parse_error("ARG x\nRUN y\nFROM z") ==
        "dockerfile parse error on line 2: no build stage in current context");
}

TEST_CASE("a here-document without end is an error at the instruction") {
  CHECK(test::parse_error("FROM x\nRUN <<A\nb\n") == "dockerfile parse error on line 2: unterminated heredoc: no line is just `A`");
}

TEST_CASE("findings before an error are kept") {
  std::vector<Warning> warnings;
  CHECK_THROWS_AS(parse(test::source("FROM x as Y\nBOGUS"), warnings), ParseError);
  CHECK(warnings.size() == 2);
}

TEST_CASE("a trigger is one instruction, placed where the caller says") {
  auto source = test::source("FROM x");
  Instruction copy = parse_trigger("COPY <<A /x\nbody\nA", {source, {{1, 1}}});
  CHECK(std::get<CopyInstruction>(copy.value).heredocs.at(0).content == "body\n");
  CHECK(copy.range == llb::SourceRange{1, 1});
  for (const char* text : {"", "RUN a\nRUN b", "BOGUS", "FROM x", "ONBUILD RUN x", "MAINTAINER x", "RUN <<A"}) {
    CAPTURE(text);
    try {
      parse_trigger(text, {source, {{1, 1}}});
      FAIL("accepted");
    } catch (const ParseError& error) {
      CHECK(error.message().find("dockerfile parse error on line 1: ONBUILD trigger") == 0);
      CHECK(error.location().ranges.size() == 1);
    }
  }
}

TEST_CASE("any bytes are an error or a Dockerfile, quickly") {
  using namespace std::string_literals;
  std::string bytes;
  for (int i = 0; i < 60'000; ++i) bytes.push_back(static_cast<char>((i * 7919) >> 3));
  CHECK_THROWS_AS(test::parse(bytes), ParseError);
  std::string nul = "FROM a\0b AS c\nRUN x\0y <<'\xff\xfe'\n\xff\xfe\n"s;
  CHECK(test::parse(nul).stages.size() == 1);
  nul.pop_back();
  nul += '\0';
  CHECK_THROWS_AS(test::parse(nul), ParseError);  // the here-document has no end
  std::string long_line = "FROM x\nRUN a";
  for (int i = 0; i < 100'000; ++i) long_line += " \\\n <x '${y:-z}'";
  CHECK(test::parse(long_line).stages.size() == 1);
}
