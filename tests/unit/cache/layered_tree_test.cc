#include "cache/layered_tree.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <set>

#include "tests/unit/cache/fixture.h"
#include "util/error.h"

using test::directory_entry;
using test::file_entry;
using test::link_entry;
using test::whiteout_entry;
using Entries = std::vector<oci::LayerEntry>;

namespace {

oci::LayerEntry opaque_entry(const std::string& path) {
  oci::LayerEntry entry = directory_entry(path, 0711);
  entry.kind = oci::LayerEntry::Kind::opaque;
  return entry;
}

std::vector<cache::Listing> listings_of(std::vector<Entries> layers) {
  std::vector<cache::Listing> listings;
  for (Entries& entries : layers) {
    oci::sort_entries(entries);
    listings.push_back(std::make_shared<const Entries>(std::move(entries)));
  }
  return listings;
}

cache::MergedListing merge(std::vector<Entries> layers) {
  return cache::MergedListing(listings_of(std::move(layers)));
}

/// Four layers, each a proper tree of its own: parents are directories that it has.
std::vector<Entries> random_layers(std::mt19937& random) {
  auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  std::vector<Entries> layers;
  for (int layer = 0; layer < 4; ++layer) {
    std::map<std::string, oci::LayerEntry> entries;
    std::vector<std::string> directories = {""};
    for (int i = 0; i < 12; ++i) {
      std::string parent = directories[static_cast<std::size_t>(pick(static_cast<int>(directories.size())))];
      std::string path = (parent.empty() ? "" : parent + "/") + std::string(1, static_cast<char>('a' + pick(3))) +
                         (pick(3) == 0 ? "-" : "");
      if (entries.contains(path)) continue;
      int kind = pick(6);
      if (kind == 0) {
        entries[path] = whiteout_entry(path);
      } else if (kind == 1) {
        entries[path] = opaque_entry(path);
      } else if (kind == 2) {
        entries[path] = file_entry(path, "");
      } else {
        entries[path] = directory_entry(path, 0700 + static_cast<std::uint32_t>(layer));
      }
      if (entries[path].is_directory()) directories.push_back(path);
    }
    Entries list;
    for (auto& [path, entry] : entries) list.push_back(entry);
    oci::sort_entries(list);
    layers.push_back(std::move(list));
  }
  return layers;
}

/// "path@layer" of everything visible.
std::string visible(const cache::MergedListing& merged) {
  std::string text;
  for (const auto& item : merged.items())
    text += (text.empty() ? "" : " ") + item.entry->path + "@" + std::to_string(item.layer);
  return text;
}

/// The same by the slow and obvious way.
std::string expected(const std::vector<Entries>& layers) {
  std::map<std::string, int> tree;
  auto less = [](const auto& a, const auto& b) { return oci::path_less(a.first, b.first); };
  auto remove_below = [&](const std::string& path) {
    std::erase_if(tree, [&](const auto& item) { return item.first.starts_with(path + "/"); });
  };
  std::map<std::string, bool> directory;
  for (std::size_t layer = 0; layer != layers.size(); ++layer) {
    std::map<std::string, int> before = tree;
    for (const oci::LayerEntry& entry : layers[layer]) {
      bool keeps = entry.is_directory() && entry.kind == oci::LayerEntry::Kind::node && tree.contains(entry.path) &&
                   directory[entry.path];
      if (!keeps) remove_below(entry.path);
      tree.erase(entry.path);
      if (entry.kind == oci::LayerEntry::Kind::whiteout) continue;
      tree[entry.path] = static_cast<int>(layer);
      directory[entry.path] = entry.is_directory();
    }
  }
  std::vector<std::pair<std::string, int>> sorted(tree.begin(), tree.end());
  std::sort(sorted.begin(), sorted.end(), less);
  std::string text;
  for (const auto& [path, layer] : sorted) text += (text.empty() ? "" : " ") + path + "@" + std::to_string(layer);
  return text;
}

}  // namespace

TEST_CASE("higher layers cover lower ones, directories are merged") {
  CHECK(visible(merge({{directory_entry("d"), file_entry("d/a", ""), file_entry("d/b", "")},
                       {directory_entry("d", 0700), file_entry("d/b", ""), file_entry("d/c", "")}})) ==
        "d@1 d/a@0 d/b@1 d/c@1");
}

TEST_CASE("whiteouts and opaque directories hide what is below") {
  Entries base = {directory_entry("d"), directory_entry("d/sub"), file_entry("d/sub/x", ""), file_entry("d-e", ""),
                  file_entry("e", "")};
  CHECK(visible(merge({base, {whiteout_entry("d")}})) == "d-e@0 e@0");
  CHECK(visible(merge({base, {whiteout_entry("d/sub/x")}})) == "d@0 d/sub@0 d-e@0 e@0");
  CHECK(visible(merge({base, {opaque_entry("d"), file_entry("d/new", "")}})) == "d@1 d/new@1 d-e@0 e@0");
  CHECK(visible(merge({base, {whiteout_entry("nothing")}})) == "d@0 d/sub@0 d/sub/x@0 d-e@0 e@0");
}

TEST_CASE("a file in place of a directory hides its content, and a directory in place of a file shows nothing old") {
  Entries base = {directory_entry("d"), file_entry("d/x", "")};
  CHECK(visible(merge({base, {file_entry("d", "")}})) == "d@1");
  CHECK(visible(merge({base, {file_entry("d", "")}, {directory_entry("d"), file_entry("d/y", "")}})) == "d@2 d/y@2");
}

TEST_CASE("directories that a layer does not speak of keep what they are") {
  cache::MergedListing merged = merge({{directory_entry("tmp", 01777)}, {file_entry("tmp/a/b", "")}});
  CHECK(visible(merged) == "tmp@0 tmp/a@1 tmp/a/b@1");
  CHECK(merged.find("tmp")->entry->mode == 01777);
  CHECK(merged.find("tmp/a")->entry->mode == 0755);
  CHECK(visible(merge({{file_entry("f", "")}, {file_entry("f/x", "")}})) == "f@1 f/x@1");
}

TEST_CASE("names are listed without what is below them") {
  cache::MergedListing merged = merge({{directory_entry("a"), directory_entry("a/b"), file_entry("a/b/c", ""),
                                        file_entry("a/b-c", ""), file_entry("a/z", ""), file_entry("a-x", "")}});
  CHECK(merged.list("") == std::vector<std::string>{"a", "a-x"});
  CHECK(merged.list("a") == std::vector<std::string>{"b", "b-c", "z"});
  CHECK(merged.list("a/z").empty());
  CHECK(merged.list("missing").empty());
}

TEST_CASE("merging agrees with the obvious way on random layers") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<Entries> layers = random_layers(random);
    CHECK(visible(merge(layers)) == expected(layers));
  }
}

TEST_CASE("asking layer by layer finds what merging finds, on random layers") {
  std::mt19937 random(8);
  for (int round = 0; round < 1000; ++round) {
    std::vector<Entries> layers = random_layers(random);
    std::set<std::string> paths = {"none", "a/none", "a/b/none"};
    for (Entries& layer : layers) {
      for (const oci::LayerEntry& entry : layer) paths.insert(entry.path);
      // Directories that the layer only implies, or, where they are empty, does not have.
      std::erase_if(layer, [&](const oci::LayerEntry& e) {
        return e.is_directory() && e.kind == oci::LayerEntry::Kind::node && random() % 3 == 0;
      });
    }
    const cache::MergedListing merged = merge(layers);
    const std::vector<cache::Listing> listings = listings_of(layers);
    for (const std::string& path : paths) {
      INFO("round " << round << ", " << path);
      const cache::MergedListing::Item* item = merged.find(path);
      const std::optional<oci::LayerEntry> found = cache::find_in_layers(listings, path);
      REQUIRE(found.has_value() == (item != nullptr));
      if (item == nullptr) continue;
      CHECK(found->path == path);
      CHECK(found->type == item->entry->type);
      CHECK(found->mode == item->entry->mode);
    }
  }
}

TEST_CASE("a layered tree loads its listings when it is first asked, and again after a failure") {
  int loads = 0, merges = 0;
  auto layers = [&] {
    if (++loads == 1) throw util::Error("no network");
    return listings_of({{file_entry("a", "x")}});
  };
  auto merged = [&] {
    ++merges;
    return std::make_shared<cache::MergedListing>(listings_of({{file_entry("a", "x")}}));
  };
  cache::LayeredTree tree(layers, merged, [](std::size_t) { return std::filesystem::path(); }, nullptr);
  CHECK(loads == 0);
  CHECK(tree.find("")->is_directory());
  CHECK(loads == 0);
  CHECK_THROWS_AS(tree.find("a"), util::Error);
  CHECK(tree.find("a")->size == 1);
  CHECK(loads == 2);
  CHECK(merges == 0);
  CHECK(tree.list("") == std::vector<std::string>{"a"});
  CHECK_THROWS_AS(tree.open("b"), util::Error);
  CHECK(merges == 1);
}

TEST_CASE("a layered tree merges when it is asked often") {
  int merges = 0;
  cache::LayeredTree tree([] { return listings_of({{file_entry("a", "x")}}); },
                          [&] {
                            ++merges;
                            return std::make_shared<cache::MergedListing>(listings_of({{file_entry("a", "x")}}));
                          },
                          [](std::size_t) { return std::filesystem::path(); }, nullptr);
  for (int i = 0; i < 1000; ++i) CHECK(tree.find("a")->size == 1);
  CHECK(merges == 1);
}
