#include "util/error.h"

#include <doctest/doctest.h>

#include <cerrno>

TEST_CASE("a system error appends the cause in lower case") {
  util::SystemError error("open `x`", ENOENT);
  CHECK(error.message() == "open `x`: no such file or directory");
  CHECK(error.code() == ENOENT);
}

TEST_CASE("context goes in front of the message and the hint stays") {
  try {
    util::with_context("outer", [] { util::with_context("inner", [] { throw util::Error("cause", "do this"); }); });
    FAIL("nothing thrown");
  } catch (const util::Error& error) {
    CHECK(error.message() == "outer: inner: cause");
    CHECK(error.hint() == "do this");
  }
}

TEST_CASE("context passes a result through") {
  CHECK(util::with_context("unused", [] { return 3; }) == 3);
}

TEST_CASE("throw_errno takes the error of the last call") {
  errno = EACCES;
  CHECK_THROWS_WITH_AS(util::throw_errno("read `y`"), "read `y`: permission denied", util::SystemError);
}
