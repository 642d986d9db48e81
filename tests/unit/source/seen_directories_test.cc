#include "source/seen_directories.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/test_dir.h"

using source::SeenDirectories;
using source::SeenName;
using source::SeenNames;

namespace {

std::vector<std::string> all_names(const SeenNames& names) {
  std::vector<std::string> all;
  for (const SeenName& seen : names) all.emplace_back(names.name(seen));
  return all;
}

}  // namespace

TEST_CASE("names are sorted however they come, and keep what is known of them") {
  SeenNames names;
  for (const char* name : {"m", "z", "a", "m", "", "ab"}) names.make(name).trusted = true;
  CHECK(all_names(names) == std::vector<std::string>{"", "a", "ab", "m", "z"});
  names.set_link_target(*names.find("a"), "target");
  names.make("aa");
  CHECK(names.link_target(*names.find("a")) == "target");
  CHECK(names.link_target(*names.find("aa")).empty());
  CHECK(names.find("a")->trusted);
  CHECK_FALSE(names.find("aa")->trusted);
  CHECK(names.find("b") == nullptr);
}

TEST_CASE("names that were stored come back as they were, with what was changed in between") {
  SeenNames names;
  names.make("b");
  names.set_link_target(names.make("a"), "target");
  CHECK(names.changed());
  for (int round = 0; round < 3; ++round) {
    CAPTURE(round);
    const SeenNames::Size size = names.size();
    std::vector<std::byte> bytes(size.bytes());
    names.store(bytes);
    SeenNames loaded;
    loaded.load(size, bytes);
    CHECK_FALSE(loaded.changed());
    CHECK(all_names(loaded).size() == static_cast<std::size_t>(2 + round));
    CHECK(loaded.link_target(*loaded.find("a")) == "target");
    CHECK((loaded.find("b")->digest == util::Digest()) == (round == 0));
    loaded.edit(*loaded.find("b")).digest = util::sha256_of("content");
    CHECK(loaded.changed());
    loaded.make(fmt::format("new{}", round));
    names = loaded;
  }
}

TEST_CASE("an empty directory, and what is known of the root, come back too") {
  const test::TestDir directory;
  SeenDirectories all(directory.path(), 0);
  all.hold("")->names.make("x").trusted = true;
  all.hold("empty")->listed = true;
  for (int i = 0; i < 100; ++i) (void)all.hold(fmt::format("d{}", i));
  CHECK(all.hold("")->names.find("x")->trusted);
  CHECK_FALSE(all.hold("")->listed);
  CHECK(all.hold("empty")->listed);
  CHECK_FALSE(all.hold("d1")->listed);
}

TEST_CASE("directories out of memory are asked like others, by any number of threads") {
  constexpr int kDirectories = 50, kNames = 20;
  const test::TestDir directory;
  for (const std::size_t in_memory : {std::size_t{0}, std::size_t{10'000}}) {
    SeenDirectories all(directory.path(), in_memory);
    const auto work = [&](unsigned seed) {
      std::mt19937 random(seed);
      for (int step = 0; step < 5'000; ++step) {
        const int d = static_cast<int>(random() % kDirectories), n = static_cast<int>(random() % kNames);
        const auto held = all.hold(fmt::format("d{}", d));
        const std::string name = fmt::format("name-{}-{}", d, n);
        SeenName& seen = held->names.make(name);
        const util::Digest digest = util::sha256_of(name);
        if (!seen.digest) seen.digest = digest;
        if (seen.digest != digest) FAIL("not what was put");
      }
    };
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < 4; ++i) threads.emplace_back(work, i);
    threads.clear();
    for (int d = 0; d < kDirectories; ++d) {
      const auto held = all.hold(fmt::format("d{}", d));
      CHECK(all_names(held->names).size() == kNames);
    }
  }
}
