#include "cache/snapshotter.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "cache/copy_snapshotter.h"
#include "cache/layer_directory.h"
#include "cache/overlay_snapshotter.h"
#include "tests/unit/cache/fixture.h"
#include "util/error.h"
#include "util/text.h"

using test::directory_entry;
using test::file_entry;
using test::link_entry;
using test::whiteout_entry;

namespace {

/// Runs `script` with the shell in a directory where the mounts are made; false if this environment does not allow it.
bool run_in(const std::vector<util::Mount>& mounts, const std::filesystem::path& target, const std::string& script) {
  REQUIRE(mounts.size() == 1);
  std::filesystem::create_directories(target);
  const util::Mount& mount = mounts[0];
  pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) ::_exit(99);
    int result = 0;
    if (mount.type == util::Mount::Type::bind) {
      result = ::mount(mount.source.c_str(), target.c_str(), nullptr, MS_BIND, nullptr);
    } else {
      std::string options = "lowerdir=" + util::join(mount.lower, ":");
      if (!mount.upper.empty()) options += ",upperdir=" + mount.upper + ",workdir=" + mount.work;
      options += cache::directory_form().letter == 'u' ? ",userxattr" : ",redirect_dir=off,metacopy=off";
      result = ::mount("overlay", target.c_str(), "overlay", mount.read_only ? MS_RDONLY : 0, options.c_str());
    }
    if (result != 0) ::_exit(98);
    if (::chdir(target.c_str()) != 0) ::_exit(97);
    ::execl("/bin/sh", "sh", "-ec", script.c_str(), static_cast<char*>(nullptr));
    ::_exit(96);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 99) return false;
  CHECK(WEXITSTATUS(status) == 0);
  return true;
}

std::string describe(std::vector<oci::LayerEntry> entries) {
  oci::sort_entries(entries);
  std::string text;
  for (const oci::LayerEntry& entry : entries) {
    text += (text.empty() ? "" : " ") + entry.path;
    if (entry.kind == oci::LayerEntry::Kind::whiteout) text += "(deleted)";
    if (entry.kind == oci::LayerEntry::Kind::opaque) text += "(opaque)";
    if (!entry.hard_link.empty()) text += "=" + *entry.hard_link;
  }
  return text;
}

struct Both {
  test::Stores stores;
  std::filesystem::path temporary = stores.root / "tmp";
  cache::OverlaySnapshotter overlay{*stores.layers, stores.root, temporary};
  cache::CopySnapshotter copy{*stores.layers, temporary};

  std::vector<cache::Snapshotter*> usable() {
    if (::geteuid() != 0) return {};
    if (cache::overlay_usable(stores.root)) return {&overlay, &copy};
    MESSAGE("SKIP overlay: not usable here");
    return {&copy};
  }
};

test::LayerFiles base_files() {
  test::LayerFiles files;
  files.add(directory_entry("etc"))
      .file("etc/passwd", "root")
      .file("etc/gone", "x")
      .add(directory_entry("var"))
      .add(directory_entry("var/lib"));
  files.file("var/lib/db", "data").add(link_entry("bin", "usr/bin")).add(directory_entry("tmp", 01777));
  return files;
}

}  // namespace

TEST_CASE("what a process changed is found, and makes the same layer with either snapshotter") {
  Both both;
  cache::LayerId base = both.stores.commit(base_files());
  std::vector<cache::LayerId> ids;
  for (cache::Snapshotter* snapshotter : both.usable()) {
    auto active = snapshotter->prepare(std::span(&base, 1), nullptr, {});
    CHECK(active->tree()->find("etc/passwd"));
    bool ran =
        run_in(active->mounts(), both.stores.root / "target",
               "test \"$(cat etc/passwd)\" = root; echo new > etc/new; rm etc/gone; chmod 0600 etc/passwd; mkdir opt; "
               "echo a > opt/a; ln opt/a opt/b; ln -s a opt/l; rm -r var/lib; echo changed > bin.txt");
    if (!ran) return;
    std::vector<oci::LayerEntry> changes = active->changes();
    CHECK(describe(changes) ==
          "bin.txt etc etc/gone(deleted) etc/new etc/passwd opt opt/a opt/b=opt/a opt/l var var/lib(deleted)");
    cache::CommitOptions options;
    options.take_directory = active->directory();
    options.substitute = false;
    ids.push_back(both.stores.layers->commit(changes, nullptr, options));
    active.reset();
    CHECK(test::read_text(both.stores.layers->directory(ids.back()) / "etc/new") == "new\n");
    std::vector<cache::LayerId> chain = {base, ids.back()};
    auto tree = both.stores.layers->tree(chain);
    CHECK_FALSE(tree->find("var/lib"));
    CHECK(tree->find("etc/passwd")->mode == 0600);
    run_in(snapshotter->view(chain, nullptr, {}), both.stores.root / "target",
           "test ! -e etc/gone; test ! -e var/lib; test \"$(cat opt/b)\" = a; test \"$(cat etc/new)\" = new");
  }
  if (ids.size() == 2) CHECK(ids[0] == ids[1]);
}

TEST_CASE("a step that changes nothing makes an empty layer, which may be in a chain twice") {
  Both both;
  cache::LayerId base = both.stores.commit(base_files());
  cache::LayerId empty = both.stores.commit({});
  std::vector<cache::LayerId> chain = {base, empty, empty, base};
  for (cache::Snapshotter* snapshotter : both.usable()) {
    auto active = snapshotter->prepare(chain, nullptr, {});
    run_in(active->mounts(), both.stores.root / "target", "cat etc/passwd > /dev/null");
    CHECK(active->changes().empty());
  }
}

TEST_CASE("a chain without layers is an empty root") {
  Both both;
  for (cache::Snapshotter* snapshotter : both.usable()) {
    auto active = snapshotter->prepare({}, nullptr, {});
    run_in(active->mounts(), both.stores.root / "target",
           "test -z \"$(ls -A)\"; echo x > file; test \"$(stat -c %a .)\" = 755");
    CHECK(describe(active->changes()) == "file");
    run_in(snapshotter->view({}, nullptr, {}), both.stores.root / "target", "test -z \"$(ls -A)\"");
  }
}

TEST_CASE("a single layer is shown without its whiteouts") {
  Both both;
  test::LayerFiles files;
  files.file("a", "1").add(whiteout_entry("b"));
  cache::LayerId id = both.stores.commit(files);
  for (cache::Snapshotter* snapshotter : both.usable()) {
    run_in(snapshotter->view(std::span(&id, 1), nullptr, {}), both.stores.root / "target", "test \"$(ls)\" = a");
  }
}

TEST_CASE("a directory that a layer only passes through keeps the mode it has below") {
  Both both;
  cache::LayerId base = both.stores.commit(base_files());
  test::LayerFiles through;
  through.file("tmp/sub/x", "1");
  cache::LayerId top = both.stores.commit(through);
  std::vector<cache::LayerId> chain = {base, top};
  CHECK(both.stores.layers->tree(chain)->find("tmp")->mode == 01777);
  for (cache::Snapshotter* snapshotter : both.usable()) {
    for (int i = 0; i < 2; ++i) {
      run_in(snapshotter->view(chain, nullptr, {}), both.stores.root / "target",
             "test \"$(stat -c %a tmp)\" = 1777; test \"$(stat -c %a tmp/sub)\" = 755; test \"$(cat tmp/sub/x)\" = 1");
    }
  }
}

TEST_CASE("a directory that is removed and made again hides what was in it") {
  Both both;
  cache::LayerId base = both.stores.commit(base_files());
  for (cache::Snapshotter* snapshotter : both.usable()) {
    auto active = snapshotter->prepare(std::span(&base, 1), nullptr, {});
    run_in(active->mounts(), both.stores.root / "target", "rm -r etc; mkdir etc; echo 1 > etc/only");
    cache::CommitOptions options;
    options.take_directory = active->directory();
    cache::LayerId top = both.stores.layers->commit(active->changes(), nullptr, options);
    std::vector<cache::LayerId> chain = {base, top};
    CHECK(both.stores.layers->tree(chain)->list("etc") == std::vector<std::string>{"only"});
  }
}

TEST_CASE("an active snapshot that is not committed leaves nothing") {
  Both both;
  cache::LayerId base = both.stores.commit(base_files());
  auto count = [&] {
    std::filesystem::directory_iterator iterator(both.temporary);
    return std::distance(begin(iterator), end(iterator));
  };
  auto before = count();
  for (cache::Snapshotter* snapshotter : both.usable()) {
    auto active = snapshotter->prepare(std::span(&base, 1), nullptr, {});
    run_in(active->mounts(), both.stores.root / "target", "echo x > x; rm -r etc");
    active.reset();
    CHECK(count() == before);
  }
}
