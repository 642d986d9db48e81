#include "executor/mount_points.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "tests/support/test_dir.h"
#include "util/error.h"

using executor::MountPoints;

namespace {

struct Root {
  Root() {
    std::filesystem::create_directories(dir / "root/etc");
    fd = util::open_file(dir / "root", O_PATH | O_DIRECTORY);
  }
  bool exists(const char* path) const { return std::filesystem::exists(dir / (std::string("root/") + path)); }
  struct stat info(const char* path) const {
    struct stat result = {};
    stat((dir / (std::string("root/") + path)).c_str(), &result);
    return result;
  }
  test::TestDir dir;
  util::Fd fd;
};

}  // namespace

TEST_CASE_FIXTURE(Root, "missing directories and files are made, and removed without another change of times") {
  MountPoints points(fd.get());
  CHECK(points.open("/etc/a/b", true, true));
  CHECK(points.open("/etc/hosts", false, true));
  CHECK(exists("etc/a/b"));
  CHECK(points.stub_count() == 3);
  struct stat before = info("etc");
  points.remove_stubs(0);
  CHECK_FALSE(exists("etc/a"));
  CHECK_FALSE(exists("etc/hosts"));
  struct stat after = info("etc");
  CHECK(after.st_mtim.tv_sec == before.st_mtim.tv_sec);
  CHECK(after.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
}

TEST_CASE_FIXTURE(Root, "what was there is neither touched nor removed") {
  dir.write("root/etc/hosts", "mine");
  MountPoints points(fd.get());
  CHECK(points.open("/etc/hosts", false, true));
  CHECK(points.stub_count() == 0);
  points.remove_stubs(0);
  CHECK(exists("etc/hosts"));
}

TEST_CASE_FIXTURE(Root, "what was filled meanwhile stays") {
  MountPoints points(fd.get());
  CHECK(points.open("/data", true, true));
  CHECK(points.open("/file", false, true));
  dir.write("root/data/new", "x");
  dir.write("root/file", "x");
  points.remove_stubs(0);
  CHECK(exists("data/new"));
  CHECK(exists("file"));
}

TEST_CASE_FIXTURE(Root, "a directory changed by the step keeps the time of that change") {
  MountPoints points(fd.get());
  CHECK(points.open("/etc/stub", true, true));
  dir.write("root/etc/new", "x");
  struct stat changed = info("etc");
  points.remove_stubs(0);
  CHECK(info("etc").st_mtim.tv_nsec == changed.st_mtim.tv_nsec);
  CHECK_FALSE(exists("etc/stub"));
}

TEST_CASE_FIXTURE(Root, "links are followed inside the root, dangling ones too") {
  std::filesystem::create_symlink("/absolute/target", dir / "root/one");
  std::filesystem::create_symlink("../../../../up", dir / "root/etc/two");
  std::filesystem::create_symlink("loop", dir / "root/loop");
  MountPoints points(fd.get());
  CHECK(points.open("/one", true, true));
  CHECK(points.open("/etc/two/below", false, true));
  CHECK(exists("absolute/target"));
  CHECK(exists("up/below"));
  CHECK_THROWS_AS((void)points.open("/loop", true, true), util::Error);
  points.remove_stubs(0);
  CHECK_FALSE(exists("absolute"));
  CHECK_FALSE(exists("up"));
}

TEST_CASE_FIXTURE(Root, "a file in the way of a directory is an error, and the other way round") {
  dir.write("root/file", "x");
  MountPoints points(fd.get());
  CHECK_THROWS_WITH((void)points.open("/file", true, true),
                    "mount point `/file`: it is a file, and a directory is to be mounted there");
  CHECK_THROWS_WITH((void)points.open("/etc", false, true),
                    "mount point `/etc`: it is a directory, and a file is to be mounted there");
  CHECK_THROWS_AS((void)points.open("/file/below", true, true), util::Error);
  CHECK_FALSE(points.find("/nothing"));
  CHECK_FALSE(points.find("/file/below"));
}
