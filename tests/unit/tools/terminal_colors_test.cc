#include "tools/progress/terminal_colors.h"

#include <doctest/doctest.h>

using progress::terminal_colors;

TEST_CASE("colours have names or numbers, and what is malformed changes nothing") {
  const auto own = terminal_colors("", "run=green:cancel=LightBlue:error=255,165,0");
  CHECK(own.run == "32");
  CHECK(own.cancel == "94");
  CHECK(own.error == "38;2;255;165;0");
  CHECK(own.warning == "33");
  const auto broken = terminal_colors("", "run=mauve:error=256,0,0:warning=1,2:cancel:sky=blue::run");
  CHECK(broken.run == "34");
  CHECK(broken.error == "31");
  CHECK(broken.warning == "33");
  CHECK(broken.cancel == "33");
}

TEST_CASE("without colours there are none, whatever they would be") {
  const auto none = terminal_colors("1", "run=green");
  CHECK(none.run.empty());
  CHECK(none.error.empty());
  CHECK(terminal_colors("", "").run == "34");
}
