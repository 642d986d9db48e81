#include "solver/ops/owner.h"

#include <doctest/doctest.h>

#include "tests/support/memory_files.h"
#include "util/error.h"

using ops::look_up_owner;
using ops::UnknownName;

namespace {

cache::MemoryTree root_with_users() {
  cache::MemoryTree root;
  root.add(test::symlink("etc", "/real"));
  root.add(test::file("real/passwd"), "root:x:0:0::/:/bin/sh\ndaemon:x:1:7:d:/:/bin/sh\nbroken\n");
  root.add(test::file("real/group"), "root:x:0:\nmail:x:8:\n");
  return root;
}

std::pair<std::uint32_t, std::uint32_t> ids(const cache::Tree& root, const char* text) {
  const ops::UserIds found = look_up_owner(root, text, UnknownName::error);
  return {found.uid, found.gid};
}

using Ids = std::pair<std::uint32_t, std::uint32_t>;

}  // namespace

TEST_CASE("owners are numbers or names of the image") {
  const cache::MemoryTree root = root_with_users();
  CHECK(ids(root, "daemon") == Ids{1, 7});
  CHECK(ids(root, "daemon:mail") == Ids{1, 8});
  CHECK(ids(root, "5") == Ids{5, 5});
  CHECK(ids(root, "5:9") == Ids{5, 9});
  CHECK(ids(root, "5:mail") == Ids{5, 8});
  CHECK(ids(root, ":mail") == Ids{0, 8});
  CHECK(ids(root, "daemon:") == Ids{1, 7});
}

TEST_CASE("numbers and root need no files") {
  const cache::MemoryTree scratch;
  CHECK(ids(scratch, "root") == Ids{0, 0});
  CHECK(ids(scratch, "root:root") == Ids{0, 0});
  CHECK(ids(scratch, "12:34") == Ids{12, 34});
}

TEST_CASE("unknown names are errors that name them, or count as root") {
  const cache::MemoryTree root = root_with_users();
  CHECK_THROWS_WITH_AS(ids(root, "nobody"), "look up user `nobody`: not in `/etc/passwd` of the image", util::Error);
  CHECK_THROWS_WITH_AS(ids(root, "1:users"), "look up group `users`: not in `/etc/group` of the image", util::Error);
  CHECK_THROWS_AS(ids(cache::MemoryTree(), "daemon"), util::Error);
  CHECK_THROWS_AS(ids(root, "99999999999"), util::Error);
  CHECK(look_up_owner(root, "nobody:users", UnknownName::is_root).uid == 0);
}
