#include "solver/ops/chmod_mode.h"

#include <doctest/doctest.h>

#include "util/error.h"

using ops::ChmodMode;

TEST_CASE("octal modes replace everything") {
  CHECK(ChmodMode("755").apply(0600, false) == 0755);
  CHECK(ChmodMode("0413").apply(0777, true) == 0413);
  CHECK(ChmodMode("4755").apply(0, false) == 04755);
  CHECK(ChmodMode("0").apply(0777, false) == 0);
}

TEST_CASE("symbolic modes change what they name") {
  CHECK(ChmodMode("u+x").apply(0644, false) == 0744);
  CHECK(ChmodMode("+x").apply(0644, false) == 0755);
  CHECK(ChmodMode("go-rwx").apply(0777, false) == 0700);
  CHECK(ChmodMode("a=r").apply(0777, false) == 0444);
  CHECK(ChmodMode("u=rw,g=r,o=").apply(0777, false) == 0640);
  CHECK(ChmodMode("u+x-w").apply(0644, false) == 0544);
}

TEST_CASE("X adds execution for directories and for what is executable already") {
  const ChmodMode mode("u=rwX,go=rX");
  CHECK(mode.apply(0600, false) == 0644);
  CHECK(mode.apply(0700, false) == 0755);
  CHECK(mode.apply(0600, true) == 0755);
}

TEST_CASE("bits are copied between classes") {
  CHECK(ChmodMode("g=u").apply(0740, false) == 0770);
  CHECK(ChmodMode("o+g").apply(0750, false) == 0755);
}

TEST_CASE("set-id and sticky bits go by class") {
  CHECK(ChmodMode("u+s").apply(0755, false) == 04755);
  CHECK(ChmodMode("g+s").apply(0755, false) == 02755);
  CHECK(ChmodMode("+t").apply(0777, true) == 01777);
  CHECK(ChmodMode("a=rx").apply(02755, true) == 02555);
  CHECK(ChmodMode("a=rx").apply(02755, false) == 0555);
}

TEST_CASE("anything else is refused") {
  for (const char* text : {"", "64a", "10000", "888", "u", "u+q", "z+x", "u+x,", "+x,,+w", "rwx"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(ChmodMode{text}, util::Error);
  }
}
