#include "solver/ops/sub_view.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <filesystem>

#include "tests/support/test_dir.h"
#include "util/fs.h"

using Strings = std::vector<std::string>;

namespace {

util::Mount overlay(const Strings& lower) {
  util::Mount mount;
  mount.type = util::Mount::Type::overlay;
  mount.lower = lower;
  mount.target = "/";
  return mount;
}

}  // namespace

TEST_CASE("the part of an overlay is the same directory of every layer that has it") {
  const test::TestDir dir;
  dir.write("top/a/b/new", "");
  dir.write("middle/x", "");
  dir.write("low/a/b/old", "");
  const std::string top = dir / "top", middle = dir / "middle", low = dir / "low";
  CHECK(ops::overlay_part({top, middle, low}, "a/b").directories == Strings{top + "/a/b", low + "/a/b"});
  const auto mounts = ops::mount_part({overlay({top, middle, low})}, "a/b", "/m", true);
  REQUIRE(mounts.size() == 1);
  CHECK(mounts[0].type == util::Mount::Type::overlay);
  CHECK(mounts[0].lower.size() == 2);
  CHECK(mounts[0].target == "/m");
  CHECK(mounts[0].read_only);
}

TEST_CASE("one directory alone is bound, since the kernel takes no such overlay") {
  const test::TestDir dir;
  dir.write("low/a/f", "");
  const std::string top = dir / "top", low = dir / "low";
  const auto mounts = ops::mount_part({overlay({top, low})}, "a", "/m", true);
  CHECK(mounts.at(0).type == util::Mount::Type::bind);
  CHECK(mounts.at(0).source == low + "/a");
  CHECK(mounts.at(0).read_only);
}

TEST_CASE("a file is taken from the topmost layer that has it") {
  const test::TestDir dir;
  dir.write("top/a/f", "new");
  dir.write("low/a/f", "old");
  const std::string top = dir / "top", low = dir / "low";
  const auto mounts = ops::mount_part({overlay({top, low})}, "a/f", "/m", true);
  CHECK(mounts.at(0).type == util::Mount::Type::bind);
  CHECK(mounts.at(0).source == top + "/a/f");
}

TEST_CASE("a writable part writes to the upper directory of its snapshot") {
  const test::TestDir dir;
  dir.write("low/a/f", "");
  util::Mount whole = overlay({(dir / "low").string()});
  whole.upper = "/upper";
  whole.work = "/work";
  const auto part = ops::mount_part({whole}, "a", "/m", false);
  CHECK(part.at(0).upper == "/upper");
  CHECK(part.at(0).lower == Strings{(dir / "low/a").string()});
  CHECK_FALSE(part.at(0).read_only);
}

TEST_CASE("what is in the way of a layer hides those below") {
  const test::TestDir dir;
  dir.write("top/f", "");
  dir.write("replaced/a", "a file where the layer below has a directory");
  dir.write("low/a/b/f", "");
  const std::string top = dir / "top", replaced = dir / "replaced", low = dir / "low";
  CHECK(ops::overlay_part({top, replaced, low}, "a/b").directories.empty());

  std::filesystem::create_directories(dir / "opaque/a/b");
  bool has_xattrs = true;
  try {
    util::set_xattr(AT_FDCWD, dir / "opaque/a", "user.overlay.opaque", "y");
  } catch (const std::exception&) {
    has_xattrs = false;
    MESSAGE("no user attributes here");
  }
  if (has_xattrs) {
    const std::string opaque = dir / "opaque";
    CHECK(ops::overlay_part({opaque, low}, "a/b").directories == Strings{opaque + "/a/b"});
  }
  std::filesystem::create_directories(dir / "whiteout");
  if (mknod((dir / "whiteout/a").c_str(), S_IFCHR, makedev(0, 0)) != 0) {
    MESSAGE("no whiteouts here");
    return;
  }
  const std::string whiteout = dir / "whiteout";
  const auto part = ops::overlay_part({whiteout, low}, "a");
  CHECK(part.directories.empty());
  CHECK(part.file.empty());
}

TEST_CASE("the part of a plain directory is a bind mount below it") {
  util::Mount whole;
  whole.source = "/snapshot";
  const auto part = ops::mount_part({whole}, "a/b", "/m", true);
  CHECK(part.at(0).source == "/snapshot/a/b");
  CHECK(ops::mount_part({whole}, "", "/m", false).at(0).source == "/snapshot");
}
