#include "frontend/dockerfile/lexer.h"

#include <doctest/doctest.h>

#include "util/error.h"

using namespace dockerfile;

namespace {

std::vector<LogicalLine> lines_of(std::string_view text) {
  Lexer lexer(text);
  std::vector<LogicalLine> lines;
  while (auto line = lexer.next()) lines.push_back(std::move(*line));
  return lines;
}

std::string single(std::string_view text) {
  auto lines = lines_of(text);
  REQUIRE(lines.size() == 1);
  return lines[0].text;
}

std::string error_of(std::string_view text) {
  try {
    lines_of(text);
  } catch (const util::Error& error) {
    return error.message();
  }
  return {};
}

}  // namespace

TEST_CASE("leading blanks go on the first line of an instruction and stay on the others") {
  CHECK(single("  \t RUN a\\\n  b \n") == "RUN a  b ");
}

TEST_CASE("an escape character before blanks at the end continues the line") {
  CHECK(single("RUN a \\ \t\nb") == "RUN a b");
  CHECK(single("RUN a \\") == "RUN a ");
  CHECK(single("\\\nRUN a") == "RUN a");
  CHECK(single("RUN a\\\n\\\nb") == "RUN ab");
}

TEST_CASE("two escape characters at the end do not continue the line") {
  CHECK(lines_of("RUN a\\\\\nRUN b").size() == 2);
  CHECK(lines_of("RUN a\\\\\\\nRUN b").size() == 2);
}

TEST_CASE("comments are dropped, inside continuations too") {
  CHECK(single("# x\nRUN a \\\n  # y \\\n# z\n b # c") == "RUN a  b # c");
}

TEST_CASE("a blank line inside a continuation is skipped and remembered with the last line") {
  auto lines = lines_of("RUN a \\\n\n  \n b\nRUN c \\\n d");
  CHECK(lines[0].text == "RUN a  b");
  CHECK(lines[0].empty_continuation == 4);
  CHECK(lines[1].empty_continuation == 0);
}

TEST_CASE("a byte order mark and carriage returns are no part of the text") {
  auto lines = lines_of(
      "\xef\xbb\xbf"
      "FROM a\r\nRUN b \\\r\n c\r\n");
  CHECK(lines[0].text == "FROM a");
  CHECK(lines[1].text == "RUN b  c");
}

TEST_CASE("comments right above an instruction are kept for it") {
  auto lines = lines_of("# syntax=x\n# a b\n\n#c\nFROM x\n# d\n#\n# e\nRUN y\nRUN z");
  CHECK(lines[0].comments == std::vector<std::string>{"a b", "c"});
  CHECK(lines[1].comments == std::vector<std::string>{"e"});
  CHECK(lines[2].comments.empty());
}

TEST_CASE("the escape directive holds from its line on") {
  CHECK(lines_of("# escape=`\nRUN a `\n b\nRUN c\\\nRUN d").size() == 3);
  CHECK(error_of("# escape=x\nRUN a").find("invalid escape token `x`") == 0);
  CHECK(error_of("# escape=`\n# escape=`\n") == "only one escape parser directive can be used");
  CHECK(lines_of("#!/bin/x\n# escape=`\nRUN a `\nRUN b").size() == 2);
}

TEST_CASE("a physical line has fewer than 64 KiB, a logical one as many as it likes") {
  std::string half(40'000, 'a');
  CHECK(single("RUN " + half + "\\\n" + half).size() == 80'004);
  CHECK(lines_of(std::string(65'535, 'a') + "\n").size() == 1);
  CHECK(error_of("RUN b\n" + std::string(65'536, 'a') + "\n") ==
        "dockerfile line greater than max allowed size of 65535");
  Lexer lexer("RUN b\nRUN \\\n" + std::string(70'000, 'a'));
}

TEST_CASE("the place of an error is the line that was read") {
  std::string text = "RUN b\n" + std::string(70'000, 'a');
  Lexer lexer(text);
  lexer.next();
  CHECK_THROWS(lexer.next());
  CHECK(lexer.position() == llb::SourceRange{2, 2});
}

TEST_CASE("bodies of here-documents are taken as they are") {
  Lexer lexer("RUN <<A <<-B\n# no comment\\\n\tx\r\nA\r\n\ty\n\tB\nRUN z");
  LogicalLine line = *lexer.next();
  std::vector<Heredoc> heredocs(2);
  heredocs[0].name = "A";
  heredocs[1].name = "B";
  heredocs[1].chomp = true;
  lexer.read_heredocs(line, heredocs);
  CHECK(heredocs[0].content == "# no comment\\\n\tx\r\n");
  CHECK(heredocs[1].content == "\ty\n");
  CHECK(line.range == llb::SourceRange{1, 6});
  CHECK(lexer.next()->text == "RUN z");
}
