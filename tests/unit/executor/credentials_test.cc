#include "executor/credentials.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/support/test_dir.h"
#include "util/error.h"
#include "util/fd.h"

using executor::find_user;
using executor::UserIds;
using Groups = std::vector<std::uint32_t>;

namespace {

const std::optional<std::string> kPasswd =
    "root:x:0:0:root:/root:/bin/sh\n"
    "# a comment\n"
    "broken:x:one:two\n"
    "daemon:x:1:1::/usr/sbin:/bin/false\n"
    "short:x:5:6\n"
    "web:x:100:101:,,,:/var/www:/bin/sh\n"
    "web:x:200:201:second:/second:/bin/sh\n"
    "7:x:70:71::/seven:/bin/sh\n";
const std::optional<std::string> kGroup =
    "root:x:0:root\n"
    "wheel:x:10:root,web\n"
    "web:x:101:\n"
    "media:x:102:web\n"
    "again:x:102:web\n"
    "nomembers:x:103\n"
    "own:x:101:web\n";

}  // namespace

TEST_CASE("no user means root, with the groups root is in") {
  UserIds ids = find_user("", kPasswd, kGroup);
  CHECK(ids.uid == 0);
  CHECK(ids.gid == 0);
  CHECK(ids.groups == Groups{10});
  CHECK(ids.home == "/root");
}

TEST_CASE("root need not be in the files, nor need these exist") {
  UserIds ids = find_user("", std::nullopt, std::nullopt);
  CHECK(ids.uid == 0);
  CHECK(ids.groups.empty());
  CHECK(ids.home == "/");
  CHECK(find_user("root:root", kPasswd, kGroup).uid == 0);
}

TEST_CASE("a name has the ids of its first entry, and every group that lists it, once") {
  UserIds ids = find_user("web", kPasswd, kGroup);
  CHECK(ids.uid == 100);
  CHECK(ids.gid == 101);
  CHECK(ids.groups == Groups{10, 102});
  CHECK(ids.home == "/var/www");
}

TEST_CASE("a number that is in passwd is that user") {
  UserIds ids = find_user("100", kPasswd, kGroup);
  CHECK(ids.gid == 101);
  CHECK(ids.groups == Groups{10, 102});
}

TEST_CASE("a number that is not in passwd has group 0") {
  UserIds ids = find_user("4242", kPasswd, kGroup);
  CHECK(ids.uid == 4242);
  CHECK(ids.gid == 0);
  CHECK(ids.groups.empty());
  CHECK(ids.home == "/");
}

TEST_CASE("a name made of digits is found as a name") {
  CHECK(find_user("7", kPasswd, kGroup).uid == 70);
}

TEST_CASE("with a group there are no others") {
  UserIds ids = find_user("web:wheel", kPasswd, kGroup);
  CHECK(ids.uid == 100);
  CHECK(ids.gid == 10);
  CHECK(ids.groups.empty());
  CHECK(find_user("web:555", kPasswd, kGroup).gid == 555);
  CHECK(find_user("1:2", std::nullopt, std::nullopt).gid == 2);
  CHECK(find_user("web:", kPasswd, kGroup).groups == Groups{10, 102});
  CHECK(find_user(":wheel", kPasswd, kGroup).gid == 10);
}

TEST_CASE("entries without home and lines without numbers do no harm") {
  CHECK(find_user("short", kPasswd, kGroup).home == "/");
  CHECK_THROWS_AS(find_user("broken", kPasswd, kGroup), util::Error);
}

TEST_CASE("names that are not there and ids out of range are errors") {
  CHECK_THROWS_WITH(find_user("ghost", kPasswd, kGroup),
                    "unable to find user `ghost`: no matching entries in passwd file");
  CHECK_THROWS_WITH(find_user("web:ghosts", kPasswd, kGroup),
                    "unable to find group `ghosts`: no matching entries in group file");
  CHECK_THROWS_AS(find_user("2147483648", kPasswd, kGroup), util::Error);
  CHECK_THROWS_AS(find_user("-1", kPasswd, kGroup), util::Error);
  CHECK_THROWS_AS(find_user("1:99999999999999999999", kPasswd, kGroup), util::Error);
  CHECK(find_user("2147483647", kPasswd, kGroup).uid == 2147483647);
}

TEST_CASE("the files are read inside the root only, and must be files") {
  test::TestDir dir;
  dir.write("outside", "evil:x:666:666::/:/bin/sh\n");
  std::filesystem::create_directories(dir / "root/etc");
  std::filesystem::create_symlink(dir / "outside", dir / "root/etc/passwd");
  util::Fd root = util::open_file(dir / "root", O_PATH | O_DIRECTORY);
  CHECK_THROWS_AS(executor::find_user_in_root("evil", root.get()), util::Error);
  CHECK(executor::find_user_in_root("", root.get()).uid == 0);
  std::filesystem::remove(dir / "root/etc/passwd");
  REQUIRE(mkfifo((dir / "root/etc/passwd").c_str(), 0644) == 0);
  CHECK_THROWS_WITH(executor::find_user_in_root("x", root.get()),
                    "read `/etc/passwd` of the image: not a regular file");
}

TEST_CASE("the default capabilities are the fourteen of container engines") {
  CHECK(executor::default_capabilities() == 0xa80425fb);
  CHECK(executor::capability_number("CAP_CHOWN") == 0);
  CHECK(executor::capability_number("CAP_SYS_ADMIN") == 21);
  CHECK(executor::capability_number("CAP_CHECKPOINT_RESTORE") == 40);
  CHECK(executor::capability_number("CAP_NOTHING") == -1);
}
