#include "solver/ops/file_actions.h"

#include <doctest/doctest.h>

#include "tests/support/memory_files.h"
#include "util/error.h"

using test::show;
using Lines = std::vector<std::string>;

namespace {

/// A plan over a base tree, and one source tree as input 1.
struct Scene {
  std::shared_ptr<cache::MemoryTree> base = std::make_shared<cache::MemoryTree>();
  std::shared_ptr<cache::MemoryTree> source = std::make_shared<cache::MemoryTree>();
  std::unique_ptr<ops::LayerPlan> plan;

  const ops::LayerPlan& apply(const llb::FileAction& action) {
    if (plan == nullptr) plan = std::make_unique<ops::LayerPlan>(base);
    ops::Spool spool{std::filesystem::path()};
    plan_action(*plan, action, [this](int) { return source; }, spool, {});
    return *plan;
  }
  Lines layer(const llb::FileAction& action) { return show(*apply(action).changes()); }
  std::string read(const std::string& path) { return util::read_all(*plan->open(path)); }
};

llb::CopyAction copy(const std::string& source, const std::string& destination) {
  llb::CopyAction action;
  action.source = source;
  action.destination = destination;
  return action;
}

Scene scene_with_sources() {
  Scene scene;
  scene.source->add(test::file("a.txt", 0640, 3, 4), "a");
  scene.source->add(test::directory("d", 0711, 3, 4));
  scene.source->add(test::file("d/b.txt", 0600, 5, 6), "b");
  scene.source->add(test::directory("d/e", 0750, 3, 4));
  scene.source->add(test::file("d/e/c.sh", 0755), "c");
  scene.source->add(test::symlink("d/up", "../a.txt"));
  scene.source->add(test::symlink("link", "a.txt"));
  scene.source->add(test::symlink("dirlink", "/d"));
  return scene;
}

}  // namespace

TEST_CASE("a file is copied to a name, with its mode, owner and time") {
  Scene scene = scene_with_sources();
  CHECK(scene.layer(copy("/a.txt", "/x/y")) == Lines{"d 755 0:0 x", "f 640 3:4 x/y"});
  CHECK(scene.plan->find("x/y")->mtime == test::file("").mtime);
  CHECK(scene.read("x/y") == "a");
}

TEST_CASE("names with percent signs, plus signs and letters of any script are taken as they are") {
  for (const std::string name : {"a%20b", "a+b", "\xd1\x84\xd0\xb0\xd0\xb9\xd0\xbb", "a b", "stray\xff"}) {
    CAPTURE(name);
    Scene scene;
    scene.source->add(test::file(name), "x");
    CHECK(scene.layer(copy("/" + name, "/d/")) == Lines{"d 755 0:0 d", "f 644 0:0 d/" + name});
  }
}

TEST_CASE("a file is copied into a directory that exists or is named by a slash") {
  Scene scene = scene_with_sources();
  scene.base->add(test::directory("opt", 0700));
  CHECK(scene.layer(copy("a.txt", "/opt")) == Lines{"d 700 0:0 opt", "f 640 3:4 opt/a.txt"});
  CHECK(scene.layer(copy("a.txt", "/new/")).back() == "f 640 3:4 opt/a.txt");
  CHECK(scene.plan->find("new/a.txt"));
}

TEST_CASE("of a directory the contents are copied, the destination made by it belongs to root") {
  Scene scene = scene_with_sources();
  CHECK(scene.layer(copy("d", "/t")) ==
        Lines{"d 755 0:0 t", "f 600 5:6 t/b.txt", "d 750 3:4 t/e", "f 755 0:0 t/e/c.sh", "l t/up -> ../a.txt"});
  CHECK(scene.plan->find("t")->mtime == test::file("").mtime);
}

TEST_CASE("an existing destination keeps its metadata, deeper directories take the source's") {
  Scene scene = scene_with_sources();
  scene.base->add(test::directory("t", 0700, 9, 9));
  scene.base->add(test::directory("t/e", 0700, 9, 9));
  scene.base->add(test::file("t/e/old"), "o");
  const Lines layer = scene.layer(copy("d/", "/t"));
  CHECK(layer[0] == "d 700 9:9 t");
  CHECK(layer[2] == "d 750 3:4 t/e");
  CHECK(scene.plan->find("t/e/old"));
}

TEST_CASE("a copied directory can stay itself") {
  Scene scene = scene_with_sources();
  scene.base->add(test::directory("t"));
  llb::CopyAction action = copy("d", "/t");
  action.contents_only = false;
  CHECK(scene.layer(action)[1] == "d 711 3:4 t/d");
}

TEST_CASE("files replace files and links, directories and other things do not replace each other") {
  Scene scene = scene_with_sources();
  scene.base->add(test::file("t/e"), "not a directory");
  scene.base->add(test::symlink("u/b.txt", "/etc"));
  scene.base->add(test::directory("v/b.txt"));
  CHECK_THROWS_WITH_AS(scene.layer(copy("d", "/t")), "cannot copy a directory onto `/t/e`, which is not a directory",
                       util::Error);
  CHECK_THROWS_WITH_AS(scene.layer(copy("d", "/t/e")), "cannot copy a directory onto `/t/e`, which is not a directory",
                       util::Error);
  CHECK_THROWS_WITH_AS(scene.layer(copy("d", "/v")), "cannot replace directory `/v/b.txt` with a file", util::Error);
  scene.plan.reset();
  scene.apply(copy("d", "/u"));
  CHECK(scene.plan->find("u/b.txt")->is_file());
}

TEST_CASE("links in the destination are followed inside the root, a dangling one is made a directory") {
  Scene scene = scene_with_sources();
  scene.base->add(test::symlink("src", "/real/place"));
  scene.base->add(test::symlink("file", "../../target"));
  CHECK(scene.layer(copy("a.txt", "/src/")) ==
        Lines{"d 755 0:0 real", "d 755 0:0 real/place", "f 640 3:4 real/place/a.txt"});
  scene.apply(copy("a.txt", "/file"));
  CHECK(scene.plan->find("target")->is_file());
}

TEST_CASE("a file copied onto a link to where nothing is brings the directories there along") {
  Scene scene = scene_with_sources();
  scene.base->add(test::symlink("dangling", "/far/away"));
  llb::CopyAction action = copy("a.txt", "/dangling");
  action.owner = llb::Owner{"5:6"};
  CHECK(scene.layer(action) == Lines{"d 755 5:6 far", "f 640 5:6 far/away"});
  Scene looping = scene_with_sources();
  looping.base->add(test::symlink("loop", "loop"));
  CHECK_THROWS_AS(looping.layer(copy("a.txt", "/loop")), util::Error);
  Scene blocked = scene_with_sources();
  blocked.base->add(test::file("plain"), "x");
  blocked.base->add(test::symlink("through", "plain/below"));
  CHECK_THROWS_AS(blocked.layer(copy("a.txt", "/through")), util::Error);
}

TEST_CASE("a link that is named is followed, also one to a directory") {
  Scene scene = scene_with_sources();
  CHECK(scene.layer(copy("link", "/x")) == Lines{"f 640 3:4 x"});
  scene.apply(copy("dirlink", "/y/"));
  CHECK(scene.plan->find("y/b.txt"));
  scene.apply(copy("lin*", "/z/"));
  CHECK(scene.plan->find("z/link")->is_file());
}

TEST_CASE("wildcards match per component, and nothing is no error but for a literal path") {
  Scene scene = scene_with_sources();
  CHECK(scene.layer(copy("*.txt", "/x/")) == Lines{"d 755 0:0 x", "f 640 3:4 x/a.txt"});
  Scene empty = scene_with_sources();
  CHECK(empty.layer(copy("*.c", "/x/")).empty());
  llb::CopyAction strict = copy("*.c", "/x/");
  strict.allow_empty_wildcard = false;
  CHECK_THROWS_AS(empty.layer(strict), util::Error);
  CHECK_THROWS_WITH_AS(empty.layer(copy("/d/nothing", "/x")), "\"/d/nothing\": not found", util::Error);
}

TEST_CASE("excluded files are left out") {
  Scene scene = scene_with_sources();
  llb::CopyAction action = copy("d", "/t");
  action.exclude = {"e/*.sh", "up"};
  CHECK(scene.layer(action) == Lines{"d 755 0:0 t", "f 600 5:6 t/b.txt", "d 750 3:4 t/e"});
}

TEST_CASE("with parents the path is kept, directories on the way are like in the source") {
  Scene scene = scene_with_sources();
  llb::CopyAction action = copy("d/e/c.sh", "/out/");
  action.parents = true;
  CHECK(scene.layer(action) ==
        Lines{"d 755 0:0 out", "d 711 3:4 out/d", "d 750 3:4 out/d/e", "f 755 0:0 out/d/e/c.sh"});
  Scene pivot = scene_with_sources();
  action.source = "d/./e/c.sh";
  CHECK(pivot.layer(action) == Lines{"d 755 0:0 out", "d 750 3:4 out/e", "f 755 0:0 out/e/c.sh"});
  Scene nothing = scene_with_sources();
  action.source = "d/./x*";
  CHECK(nothing.layer(action) == Lines{"d 755 0:0 out"});
}

TEST_CASE("chown and chmod reach everything copied and the directories made on the way, but not those there before") {
  Scene scene = scene_with_sources();
  scene.base->add(test::directory("opt", 0700));
  scene.base->add(test::file("etc/passwd"), "u:x:10:11::/:\n");
  llb::CopyAction action = copy("d", "/opt/n/t");
  action.owner = llb::Owner{"u"};
  action.mode = "u=rwX,go=";
  CHECK(scene.layer(action) == Lines{"d 700 0:0 opt", "d 700 10:11 opt/n", "d 700 10:11 opt/n/t",
                                     "f 600 10:11 opt/n/t/b.txt", "d 700 10:11 opt/n/t/e", "f 700 10:11 opt/n/t/e/c.sh",
                                     "l opt/n/t/up -> ../a.txt"});
  action.owner = llb::Owner{"nosuch"};
  CHECK_THROWS_AS(scene.layer(action), util::Error);
  action.owner.reset();
  action.mode = "64a";
  CHECK_THROWS_AS(scene.layer(action), util::Error);
}

TEST_CASE("hard links are kept within one source") {
  Scene scene;
  oci::LayerEntry other = test::file("s/b");
  scene.source->add(test::file("s/a"), "x");
  other.hard_link = "s/a";
  scene.source->add(other, "x");
  CHECK(scene.layer(copy("s", "/t")) == Lines{"d 755 0:0 t", "f 644 0:0 t/a", "h t/b = t/a"});
  Scene apart;
  apart.source = scene.source;
  CHECK(apart.layer(copy("s/*", "/t/")) == Lines{"d 755 0:0 t", "f 644 0:0 t/a", "f 644 0:0 t/b"});
}

TEST_CASE("hard links are kept whichever name comes first, also of a first name that is not copied") {
  Scene scene;
  scene.source->add(test::file("s/m"), "x");
  for (const char* name : {"s/a", "s/z"}) {
    oci::LayerEntry other = test::file(name);
    other.hard_link = "s/m";
    scene.source->add(other, "x");
  }
  CHECK(scene.layer(copy("s", "/t")) == Lines{"d 755 0:0 t", "f 644 0:0 t/a", "h t/m = t/a", "h t/z = t/a"});
  CHECK(scene.read("t/m") == "x");
  Scene without;
  without.source = scene.source;
  llb::CopyAction action = copy("s", "/t");
  action.exclude = {"m"};
  CHECK(without.layer(action) == Lines{"d 755 0:0 t", "f 644 0:0 t/a", "h t/z = t/a"});
  // All that `--parents` matches is one source.
  Scene parents;
  parents.source = scene.source;
  action = copy("s/*", "/t/");
  action.parents = true;
  CHECK(parents.layer(action) == Lines{"d 755 0:0 t", "d 755 0:0 t/s", "f 644 0:0 t/s/a", "h t/s/m = t/s/a", "h t/s/z = t/s/a"});
}

TEST_CASE("a first name that has become another file is no hard link any more") {
  Scene scene;
  oci::LayerEntry other = test::file("s/b");
  other.hard_link = "s/a";
  scene.source->add(test::file("s/a"), "replaced");
  scene.source->add(other, "x");
  CHECK(scene.layer(copy("s", "/t")).back() == "f 644 0:0 t/b");
}

TEST_CASE("mkdir makes what is missing for its owner and leaves what is there") {
  Scene scene;
  scene.base->add(test::directory("srv", 0700));
  llb::MkdirAction action;
  action.path = "/srv/app/data";
  action.owner = llb::Owner{"5:6"};
  action.mtime = 42;
  CHECK(scene.layer(action) == Lines{"d 700 0:0 srv", "d 755 5:6 srv/app", "d 755 5:6 srv/app/data"});
  CHECK(scene.plan->find("srv/app")->mtime == 42);
  Scene existing;
  existing.base->add(test::directory("srv"));
  action.path = "/srv";
  CHECK(existing.layer(action).empty());
}

TEST_CASE("mkfile writes a file through a link, and not over a directory") {
  Scene scene;
  scene.base->add(test::symlink("l", "/deep/file"));
  scene.base->add(test::directory("dir"));
  llb::MkfileAction action;
  action.path = "/l";
  action.data = "text";
  action.mode_text = "755";
  action.owner = llb::Owner{"1"};
  CHECK(scene.layer(action) == Lines{"d 755 1:1 deep", "f 755 1:1 deep/file"});
  CHECK(scene.read("deep/file") == "text");
  action.path = "/dir";
  CHECK_THROWS_WITH_AS(scene.layer(action), "create `/dir`: it is a directory", util::Error);
}

TEST_CASE("rm removes a link, not its target, and may insist on the path") {
  Scene scene;
  scene.base->add(test::symlink("l", "/t"));
  scene.base->add(test::file("t"), "");
  CHECK(scene.layer(llb::RemoveAction{"/l", true}) == Lines{"w l"});
  CHECK(scene.layer(llb::RemoveAction{"/l", true}) == Lines{"w l"});
  CHECK_THROWS_WITH_AS(scene.layer(llb::RemoveAction{"/l", false}), "\"/l\": not found", util::Error);
  CHECK(scene.layer(llb::RemoveAction{"/", true}) == Lines{"w l", "w t"});
}

TEST_CASE("symlink makes a link in place of another") {
  Scene scene;
  scene.base->add(test::symlink("bin/sh", "old"));
  CHECK(scene.layer(llb::SymlinkAction{"busybox", "/bin/sh"}) == Lines{"d 755 0:0 bin", "l bin/sh -> busybox"});
}

TEST_CASE("a copy to the root directory needs no directory") {
  Scene scene = scene_with_sources();
  CHECK(scene.layer(copy("d/e", "/")) == Lines{"f 755 0:0 c.sh"});
  CHECK(scene.layer(copy("a.txt", "/")).front() == "f 640 3:4 a.txt");
}
