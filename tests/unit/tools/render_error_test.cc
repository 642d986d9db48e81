#include "tools/builder/render_error.h"

#include <doctest/doctest.h>

#include <cerrno>
#include <string>

#include "util/error.h"

TEST_CASE("an error is one line, and its hint another") {
  CHECK(builder::render_error(util::Error("make it: no")) == "ERROR: make it: no\n");
  CHECK(builder::render_error(util::Error("make it: no", "ask again")) == "ERROR: make it: no\nhint: ask again\n");
  CHECK(builder::render_error(util::SystemError("make it", EACCES)) == "ERROR: make it: permission denied\n");
}

TEST_CASE("a full disk, or a used up quota, gets a hint where the error has none") {
  const std::string hint = "hint: if this disk holds the cache, `builder prune` frees space; BUILDER_ROOT puts the cache elsewhere\n";
  CHECK(builder::render_error(util::SystemError("write `x`", ENOSPC)) == "ERROR: write `x`: no space left on device\n" + hint);
  CHECK(builder::render_error(util::SystemError("write `x`", EDQUOT)).ends_with(hint));
  util::SystemError error("mount it", ENOSPC);
  error.set_hint("too many mounts");
  CHECK(builder::render_error(error).ends_with("\nhint: too many mounts\n"));
}
