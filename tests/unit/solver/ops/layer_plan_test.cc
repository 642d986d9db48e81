#include "solver/ops/layer_plan.h"

#include <doctest/doctest.h>

#include "tests/support/memory_files.h"
#include "util/error.h"

using ops::DirectoryTime;
using ops::FileContent;
using ops::FileContentRef;
using ops::LayerPlan;
using test::show;
using Lines = std::vector<std::string>;

namespace {

std::shared_ptr<cache::MemoryTree> base_tree() {
  auto tree = std::make_shared<cache::MemoryTree>();
  tree->add(test::directory("etc", 0750, 1, 2));
  tree->add(test::file("etc/passwd"), "root");
  tree->add(test::directory("usr/lib"));
  tree->add(test::file("usr/lib/a"), "a");
  return tree;
}

FileContentRef content(const std::string& text) {
  auto made = std::make_shared<FileContent>();
  made->open = [text] { return std::make_unique<util::StringReader>(text); };
  return made;
}

std::string read(const LayerPlan& plan, const std::string& path) {
  return util::read_all(*plan.open(path));
}

}  // namespace

TEST_CASE("an untouched plan shows the base and is an empty layer") {
  const LayerPlan plan(base_tree());
  CHECK(plan.find("etc/passwd"));
  CHECK_FALSE(plan.find("nothing"));
  CHECK(plan.list("") == Lines{"etc", "usr"});
  CHECK(read(plan, "etc/passwd") == "root");
  CHECK(plan.changes().empty());
}

TEST_CASE("a new file brings its parent directories along as they are in the base") {
  LayerPlan plan(base_tree());
  plan.put(test::file("etc/new"), content("n"));
  CHECK(show(plan.changes()) == Lines{"d 750 1:2 etc", "f 644 0:0 etc/new"});
  CHECK(plan.list("etc") == Lines{"new", "passwd"});
  CHECK(read(plan, "etc/new") == "n");
}

TEST_CASE("what is removed is gone, and is a whiteout only if the base has it") {
  LayerPlan plan(base_tree());
  plan.put(test::file("etc/new"), content("n"));
  plan.remove("etc/new");
  plan.remove("etc/passwd");
  plan.remove("etc/never");
  CHECK(show(plan.changes()) == Lines{"d 750 1:2 etc", "w etc/passwd"});
  CHECK(plan.list("etc").empty());
  CHECK_FALSE(plan.find("etc/passwd"));
}

TEST_CASE("a directory that was removed and comes back hides what the base has in it") {
  LayerPlan plan(base_tree());
  plan.remove("usr");
  CHECK_FALSE(plan.find("usr/lib/a"));
  plan.put(test::directory("usr", 0700));
  CHECK_FALSE(plan.find("usr/lib"));
  CHECK(plan.list("usr").empty());
  CHECK(show(plan.changes()) == Lines{"o 700 0:0 usr"});
  plan.put(test::file("usr/x"), content("x"));
  plan.remove("usr/x");
  CHECK(show(plan.changes()) == Lines{"o 700 0:0 usr"});
}

TEST_CASE("a directory put over a directory keeps its content and takes the metadata") {
  LayerPlan plan(base_tree());
  plan.put(test::directory("usr/lib", 0700, 5, 6));
  CHECK(plan.find("usr/lib/a"));
  CHECK(show(plan.changes()) == Lines{"d 755 0:0 usr", "d 700 5:6 usr/lib"});
}

TEST_CASE("files with one content are hard links of the first in order") {
  LayerPlan plan(base_tree());
  const FileContentRef shared = content("s");
  plan.put(test::file("z"), shared);
  plan.put(test::file("a"), shared);
  plan.put(test::file("other"), content("o"));
  CHECK(show(plan.changes()) == Lines{"f 644 0:0 a", "f 644 0:0 other", "h z = a"});
  // When one name is replaced, the other stands for itself.
  plan.put(test::file("a"), content("new"));
  CHECK(show(plan.changes()) == Lines{"f 644 0:0 a", "f 644 0:0 other", "f 644 0:0 z"});
  CHECK(read(plan, "z") == "s");
}

TEST_CASE("a hard link to a file of the base takes that file into the layer") {
  LayerPlan plan(base_tree());
  plan.link("usr/lib/a", "usr/b");
  CHECK(show(plan.changes()) == Lines{"d 755 0:0 usr", "f 644 0:0 usr/b", "d 755 0:0 usr/lib", "h usr/lib/a = usr/b"});
  CHECK(read(plan, "usr/b") == "a");
}

TEST_CASE("missing directories are made like asked for, existing ones are left alone") {
  LayerPlan plan(base_tree());
  oci::LayerEntry like;
  like.mode = 0711;
  like.uid = 7;
  plan.make_directories("usr/lib/x/y", like, DirectoryTime::given);
  CHECK(show(plan.changes()) ==
        Lines{"d 755 0:0 usr", "d 755 0:0 usr/lib", "d 711 7:0 usr/lib/x", "d 711 7:0 usr/lib/x/y"});
  CHECK_THROWS_WITH_AS(plan.make_directories("etc/passwd/x", like, DirectoryTime::given),
                       "create directory `/etc/passwd/x`: `/etc/passwd` is not a directory", util::Error);
  plan.make_directories("", like, DirectoryTime::given);
}

TEST_CASE("a listing skips what is deeper and sees names that sort around the slash") {
  LayerPlan plan(base_tree());
  plan.put(test::directory("d"));
  plan.put(test::directory("d/a"));
  plan.put(test::file("d/a/x"), content(""));
  plan.put(test::file("d/a-b"), content(""));
  plan.put(test::file("d/a0"), content(""));
  CHECK(plan.list("d") == Lines{"a", "a-b", "a0"});
}

TEST_CASE("what is asked between changes is answered as it is then") {
  LayerPlan plan(base_tree());
  CHECK(plan.find("usr/lib/a"));
  plan.remove("usr");
  CHECK_FALSE(plan.find("usr/lib/a"));
  plan.put(test::directory("usr"));
  CHECK_FALSE(plan.find("usr/lib/a"));
  plan.put(test::directory("usr/lib"));
  CHECK_FALSE(plan.find("usr/lib/a"));
  plan.put(test::file("usr/lib/b"), content("b"));
  plan.remove("usr/lib");
  plan.put(test::directory("usr/lib"));
  plan.put(test::file("usr/lib/b"), content("c"));
  CHECK(show(plan.changes()) == Lines{"o 755 0:0 usr", "d 755 0:0 usr/lib", "f 644 0:0 usr/lib/b"});
}
