#include "llb/source_map.h"

#include <doctest/doctest.h>

using llb::excerpt;
using llb::SourceText;

TEST_CASE("an excerpt shows two lines around a single failing line") {
  const SourceText source{"Dockerfile", "FROM a\nRUN 1\nRUN 2\nRUN 3\nRUN 4\nRUN 5\n"};
  CHECK(excerpt(source, {{4, 4}}) ==
        "Dockerfile:4\n--------------------\n"
        "   2 |     RUN 1\n   3 |     RUN 2\n   4 | >>> RUN 3\n   5 |     RUN 4\n   6 |     RUN 5\n"
        "--------------------\n");
}

TEST_CASE("an excerpt shows one line around several failing lines") {
  const SourceText source{"Dockerfile", "FROM a\nRUN 1 \\\n  2\nRUN 3\nRUN 4"};
  CHECK(excerpt(source, {{2, 3}}) ==
        "Dockerfile:2\n--------------------\n"
        "   1 |     FROM a\n   2 | >>> RUN 1 \\\n   3 | >>>   2\n   4 |     RUN 3\n"
        "--------------------\n");
}

TEST_CASE("an excerpt is cut at the ends of the file; what follows the last line feed is a line") {
  const SourceText source{"D", "FROM a\r\n"};
  CHECK(excerpt(source, {{1, 1}}) == "D:1\n--------------------\n   1 | >>> FROM a\n   2 |     \n--------------------\n");
  CHECK(excerpt({"D", "FROM a"}, {{1, 1}}) == "D:1\n--------------------\n   1 | >>> FROM a\n--------------------\n");
  CHECK(excerpt({"D", ""}, {{2, 2}}).empty());
}

TEST_CASE("an excerpt of several ranges has one block each and skips ranges outside the file") {
  const SourceText source{"D", "1\n2\n"};
  const std::string text = excerpt(source, {{1, 1}, {0, 0}, {9, 9}, {2, 7}});
  CHECK(text ==
        "D:1\n--------------------\n   1 | >>> 1\n   2 |     2\n   3 |     \n--------------------\n"
        "D:2\n--------------------\n   1 |     1\n   2 | >>> 2\n   3 | >>> \n--------------------\n");
}
