#include "tools/format/table.h"

#include <doctest/doctest.h>

TEST_CASE("columns are as wide as their widest cell and at least ten, the last one as it is") {
  const std::vector<std::vector<std::string>> rows = {{"TYPE", "TOTAL", "SIZE"}, {"Local Volumes", "1", "0B"}};
  CHECK(builder::format::align_columns(rows) == "TYPE            TOTAL     SIZE\nLocal Volumes   1         0B\n");
}
