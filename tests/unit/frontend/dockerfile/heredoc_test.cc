#include "frontend/dockerfile/heredoc.h"

#include <doctest/doctest.h>

using namespace dockerfile;

TEST_CASE("a here-document word has a descriptor, a dash and a name") {
  Heredoc heredoc = parse_heredoc("3<<-'E O'F").value();
  CHECK(heredoc.fd == 3);
  CHECK(heredoc.chomp);
  CHECK(heredoc.name == "E OF");
  CHECK_FALSE(heredoc.expand);
  CHECK(parse_heredoc("<<EOF")->expand);
  CHECK(parse_heredoc("99999999999999999999<<EOF")->fd > 0);
}

TEST_CASE("an escaped quote belongs to the name and does not stop expansion") {
  Heredoc heredoc = parse_heredoc("<<a\\'b").value();
  CHECK(heredoc.name == "a'b");
  CHECK(heredoc.expand);
}

TEST_CASE("variables in the name are not looked up") {
  CHECK(parse_heredoc("<<${X}Y")->name == "${X}Y");
}

TEST_CASE("a line opens its here-documents in order, quoted ones excepted") {
  auto heredocs = heredocs_in_line("RUN cat <<A 4<<-B > '<<C' <<<word");
  REQUIRE(heredocs.size() == 2);
  CHECK(heredocs[0].name == "A");
  CHECK(heredocs[1].fd == 4);
}

TEST_CASE("blanks may stand before the word") {
  CHECK(heredocs_in_line("RUN cat <<  EOF > f").at(0).name == "EOF");
  CHECK(heredocs_in_line("RUN cat <<- EOF").at(0).chomp);
}

TEST_CASE("a shift in an arithmetic expression is no here-document") {
  CHECK(heredocs_in_line("RUN echo $((1 << 2)) $((1<<2)) $(( 1<<x ))").empty());
  CHECK(heredocs_in_line("RUN echo $((1 << 2)) <<EOF").size() == 1);
}

TEST_CASE("a line that does not fall into words opens none") {
  CHECK(heredocs_in_line("RUN echo it's <<EOF").empty());
}

TEST_CASE("tabs are stripped at line starts only") {
  CHECK(strip_leading_tabs("\t\ta\tb\n \tc\n\t\n\td") == "a\tb\n \tc\n\nd");
}
