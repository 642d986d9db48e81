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
  CHECK(plan.changes()->size() == 0);
}

TEST_CASE("a new file brings its parent directories along as they are in the base") {
  LayerPlan plan(base_tree());
  plan.put(test::file("etc/new"), content("n"));
  CHECK(show(*plan.changes()) == Lines{"d 750 1:2 etc", "f 644 0:0 etc/new"});
  CHECK(plan.list("etc") == Lines{"new", "passwd"});
  CHECK(read(plan, "etc/new") == "n");
}

TEST_CASE("what is removed is gone, and is a whiteout only if the base has it") {
  LayerPlan plan(base_tree());
  plan.put(test::file("etc/new"), content("n"));
  plan.remove("etc/new");
  plan.remove("etc/passwd");
  plan.remove("etc/never");
  CHECK(show(*plan.changes()) == Lines{"d 750 1:2 etc", "w etc/passwd"});
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
  CHECK(show(*plan.changes()) == Lines{"o 700 0:0 usr"});
  plan.put(test::file("usr/x"), content("x"));
  plan.remove("usr/x");
  CHECK(show(*plan.changes()) == Lines{"o 700 0:0 usr"});
}

TEST_CASE("a directory put over a directory keeps its content and takes the metadata") {
  LayerPlan plan(base_tree());
  plan.put(test::directory("usr/lib", 0700, 5, 6));
  CHECK(plan.find("usr/lib/a"));
  CHECK(show(*plan.changes()) == Lines{"d 755 0:0 usr", "d 700 5:6 usr/lib"});
}

TEST_CASE("files with one content are hard links of the first in order") {
  LayerPlan plan(base_tree());
  const FileContentRef shared = content("s");
  plan.put(test::file("z"), shared);
  plan.put(test::file("a"), shared);
  plan.put(test::file("other"), content("o"));
  CHECK(show(*plan.changes()) == Lines{"f 644 0:0 a", "f 644 0:0 other", "h z = a"});
  // When one name is replaced, the other stands for itself.
  plan.put(test::file("a"), content("new"));
  CHECK(show(*plan.changes()) == Lines{"f 644 0:0 a", "f 644 0:0 other", "f 644 0:0 z"});
  CHECK(read(plan, "z") == "s");
}

TEST_CASE("copied files are found in their tree by where they are planned, also while the changes are read") {
  const auto source = std::make_shared<cache::MemoryTree>();
  source->add(test::file("src/a"), "a");
  source->add(test::file("src/d/b"), "b");
  source->add(test::file("src.txt"), "not below src");
  const auto copied = std::make_shared<const ops::CopiedFiles>(ops::CopiedFiles{source, "src", "to/there"});
  const auto single = std::make_shared<const ops::CopiedFiles>(ops::CopiedFiles{source, "src.txt", "to/m"});
  const auto root = std::make_shared<const ops::CopiedFiles>(ops::CopiedFiles{source, "", ""});
  CHECK(copied->source_of("to/there/d/b") == "src/d/b");
  CHECK(copied->place_of("src/a") == "to/there/a");
  CHECK_FALSE(copied->place_of("src.txt"));
  CHECK(single->source_of("to/m") == "src.txt");
  CHECK(root->source_of("src/a") == "src/a");
  CHECK(ops::CopiedFiles{source, "src", ""}.source_of("d/b") == "src/d/b");

  LayerPlan plan(base_tree());
  for (const char* directory : {"to", "to/there", "to/there/d"}) plan.put(test::directory(directory));
  plan.put(test::file("to/there/a"), copied);
  plan.put(test::file("to/there/d/b"), copied);
  plan.put(test::file("to/m"), single);
  plan.put(test::file("to/n"), content("own"));
  for (const bool taken : {false, true}) {
    CAPTURE(taken);
    if (taken) {
      CHECK(show(*plan.changes()) == Lines{"d 755 0:0 to", "f 644 0:0 to/m", "f 644 0:0 to/n", "d 755 0:0 to/there",
                                               "f 644 0:0 to/there/a", "d 755 0:0 to/there/d", "f 644 0:0 to/there/d/b"});
    }
    CHECK(read(plan, "to/m") == "not below src");
    CHECK(read(plan, "to/n") == "own");
    CHECK(read(plan, "to/there/a") == "a");
    CHECK(read(plan, "to/there/d/b") == "b");
  }
}

TEST_CASE("a copied file may get other names; what is changed of it is changed of all, and of nothing else") {
  const auto source = std::make_shared<cache::MemoryTree>();
  for (const char* name : {"a", "b"}) source->add(test::file(name), name);
  const auto copied = std::make_shared<const ops::CopiedFiles>(ops::CopiedFiles{source, "", ""});
  LayerPlan plan(base_tree());
  plan.put(test::file("a"), copied);
  plan.put(test::file("b"), copied);
  plan.change_file("b", 0600, 1, 1, 0);
  CHECK(show(*plan.changes()) == Lines{"f 644 0:0 a", "f 600 1:1 b"});
  plan.link("a", "c");
  plan.change_file("c", 0700, 2, 2, 0);
  CHECK(show(*plan.changes()) == Lines{"f 700 2:2 a", "f 600 1:1 b", "h c = a"});
  CHECK(read(plan, "c") == "a");
  // Only what this copy put there is shared.
  CHECK(plan.share_content("b", ops::CopiedFiles{source, "", ""}) == nullptr);
  CHECK(plan.share_content("a", *copied) == nullptr);
  CHECK(plan.share_content("nothing", *copied) == nullptr);
  CHECK(plan.share_content("b", *copied) != nullptr);
}

TEST_CASE("a hard link to a file of the base takes that file into the layer") {
  LayerPlan plan(base_tree());
  plan.link("usr/lib/a", "usr/b");
  CHECK(show(*plan.changes()) == Lines{"d 755 0:0 usr", "f 644 0:0 usr/b", "d 755 0:0 usr/lib", "h usr/lib/a = usr/b"});
  CHECK(read(plan, "usr/b") == "a");
}

TEST_CASE("missing directories are made like asked for, existing ones are left alone") {
  LayerPlan plan(base_tree());
  oci::LayerEntry like;
  like.mode = 0711;
  like.uid = 7;
  plan.make_directories("usr/lib/x/y", like, DirectoryTime::given);
  CHECK(show(*plan.changes()) ==
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
  CHECK(show(*plan.changes()) == Lines{"o 755 0:0 usr", "d 755 0:0 usr/lib", "f 644 0:0 usr/lib/b"});
}
