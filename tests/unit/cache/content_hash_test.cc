#include "cache/content_hash.h"

#include <doctest/doctest.h>

#include <functional>

#include "tests/unit/cache/fixture.h"
#include "util/error.h"

using test::directory_entry;
using test::file_entry;
using test::link_entry;

namespace {

cache::MemoryTree sample(const std::function<void(cache::MemoryTree&)>& change = {}) {
  cache::MemoryTree tree;
  tree.add(directory_entry("src"));
  tree.add(file_entry("src/a.c", ""), "int a;");
  tree.add(file_entry("src/b.c", ""), "int b;");
  tree.add(link_entry("src/l", "a.c"));
  tree.add(file_entry("unrelated", ""), "x");
  if (change) change(tree);
  return tree;
}

/// A tree whose files do not say their digests by themselves, but for those whose names say that they do.
class ForgetfulTree final : public cache::Tree {
 public:
  explicit ForgetfulTree(cache::MemoryTree tree) : tree_(std::move(tree)) {}
  std::optional<oci::LayerEntry> find(const std::string& path) const override {
    std::optional<oci::LayerEntry> entry = tree_.find(path);
    if (entry && path.find("known") == std::string::npos) entry->content = {};
    return entry;
  }
  std::vector<std::string> list(const std::string& path) const override { return tree_.list(path); }
  std::unique_ptr<util::Reader> open(const std::string& path) const override { return tree_.open(path); }
  util::Digest content_digest(const std::string& path, const std::stop_token& stop) const override { return tree_.content_digest(path, stop); }

 private:
  cache::MemoryTree tree_;
};

util::Digest digest(const cache::PathSelection& selection, const std::function<void(cache::MemoryTree&)>& change = {}) {
  return cache::content_digest(sample(change), selection);
}

}  // namespace

TEST_CASE("what is not selected does not count") {
  auto change = [](cache::MemoryTree& tree) { tree.add(file_entry("unrelated", ""), "y"); };
  CHECK(digest({.path = "src"}) == digest({.path = "src"}, change));
  CHECK(digest({.path = ""}) != digest({.path = ""}, change));
}

TEST_CASE("times do not count; mode, owner, attributes, content, links and names do") {
  cache::PathSelection selection{.path = "src"};
  util::Digest before = digest(selection);
  auto changed = [&](const std::function<void(oci::LayerEntry&)>& edit) {
    return digest(selection, [&](cache::MemoryTree& tree) {
      oci::LayerEntry entry = file_entry("src/a.c", "");
      edit(entry);
      tree.add(entry, "int a;");
    });
  };
  CHECK(changed([](oci::LayerEntry& entry) { entry.mtime = 5; }) == before);
  CHECK(changed([](oci::LayerEntry& entry) { entry.mode = 0600; }) != before);
  CHECK(changed([](oci::LayerEntry& entry) { entry.uid = 7; }) != before);
  CHECK(changed([](oci::LayerEntry& entry) { entry.gid = 7; }) != before);
  CHECK(changed([](oci::LayerEntry& entry) { entry.xattrs.edit()["user.x"] = "1"; }) != before);
  CHECK(digest(selection, [](cache::MemoryTree& tree) { tree.add(file_entry("src/a.c", ""), "int a2;"); }) != before);
  CHECK(digest(selection, [](cache::MemoryTree& tree) { tree.add(file_entry("src/new", ""), ""); }) != before);
  CHECK(digest(selection, [](cache::MemoryTree& tree) { tree.add(link_entry("src/l", "b.c")); }) != before);
  CHECK(digest(selection, [](cache::MemoryTree& tree) { tree.add(directory_entry("src", 0700)); }) != before);
}

TEST_CASE("excluded files do not count") {
  cache::PathSelection selection{.path = "src", .exclude = {"*.o"}};
  CHECK(digest(selection) ==
        digest(selection, [](cache::MemoryTree& tree) { tree.add(file_entry("src/a.o", ""), "1"); }));
}

TEST_CASE("a renamed match of a wildcard counts, the name of a literal path does not") {
  cache::MemoryTree one;
  one.add(file_entry("d/x.c", ""), "1");
  cache::MemoryTree two;
  two.add(file_entry("d/y.c", ""), "1");
  CHECK(cache::content_digest(one, {.path = "d/*.c", .wildcard = true}) !=
        cache::content_digest(two, {.path = "d/*.c", .wildcard = true}));
  CHECK(cache::content_digest(one, {.path = "d/x.c"}) == cache::content_digest(two, {.path = "d/y.c"}));
}

TEST_CASE("a wildcard without a match has a digest") {
  CHECK(digest({.path = "none*", .wildcard = true}) == digest({.path = "other*", .wildcard = true}));
}

TEST_CASE("with parents the directories that are kept count") {
  cache::PathSelection selection{.path = "src/a.c", .parents = true};
  CHECK(digest(selection) !=
        digest(selection, [](cache::MemoryTree& tree) { tree.add(directory_entry("src", 0700)); }));
}

TEST_CASE("a stop ends the digest") {
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(cache::content_digest(sample(), {.path = ""}, stop.get_token()), util::Cancelled);
}

TEST_CASE("a stop ends the walk of a digest") {
  class StoppingTree final : public cache::Tree {
   public:
    std::optional<oci::LayerEntry> find(const std::string& path) const override { return tree.find(path); }
    std::vector<std::string> list(const std::string& path) const override {
      ++lists;
      stop.request_stop();
      return tree.list(path);
    }
    std::unique_ptr<util::Reader> open(const std::string& path) const override { return tree.open(path); }
    util::Digest content_digest(const std::string& path, const std::stop_token& token) const override { return tree.content_digest(path, token); }

    cache::MemoryTree tree = sample();
    mutable std::stop_source stop;
    mutable int lists = 0;
  };
  const StoppingTree tree;
  CHECK_THROWS_AS(cache::content_digest(tree, {.path = ""}, tree.stop.get_token()), util::Cancelled);
  CHECK(tree.lists == 1);
}

TEST_CASE("entries come in order, whether their contents were known or had to be read") {
  const auto add = [](cache::MemoryTree& tree) {
    for (const char* name : {"src/a-known", "src/d/a", "src/d/b-known", "src/e-known/x", "src/f"}) tree.add(file_entry(name, ""), name);
  };
  for (const cache::PathSelection& selection : {cache::PathSelection{.path = ""}, cache::PathSelection{.path = "src"}}) {
    CHECK(cache::content_digest(ForgetfulTree(sample(add)), selection) == digest(selection, add));
  }
}

TEST_CASE("the recipe of content digests is pinned") {
  CHECK(digest({.path = "src"}).to_string() == "sha256:c369a658797ce7caccc1ac02a05351e8729e0fbbe77a33976e50308d97493dc0");
}
