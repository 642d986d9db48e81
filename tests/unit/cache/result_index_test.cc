#include "cache/result_index.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <thread>

#include "cache/disk_result_index.h"
#include "tests/unit/cache/fixture.h"
#include "util/error.h"

namespace {

util::Digest key(const char* name) {
  return util::sha256_of(name);
}

}  // namespace

TEST_CASE("a key summary survives being stored") {
  cache::KeySummary summary{"step", {{"instruction", "RUN \"x\""}, {"file a", "sha256:1"}, {"file a", "sha256:2"}}};
  cache::KeySummary back = cache::decode_summary(cache::encode_summary(summary), "step");
  CHECK(back.name == "step");
  CHECK(back.parts == summary.parts);
  CHECK(cache::decode_summary("", "x").parts.empty());
  CHECK_THROWS_AS(cache::decode_summary("[1]", "x"), util::Error);
}

TEST_CASE("results on disk are found while their layers exist") {
  test::Stores stores;
  test::LayerFiles files;
  files.file("a", "1");
  cache::LayerId layer = stores.commit(files);
  cache::DiskResultIndex index(stores.records, *stores.layers, stores.root / "locks");
  index.save({key("chain"), key("content")}, {{layer}, nullptr}, {"step", {{"a", "b"}}});
  CHECK(index.find(key("chain"))->layers == std::vector{layer});
  CHECK(index.find(key("content")));
  CHECK_FALSE(index.find(key("other")));
  CHECK(index.latest("step")->parts.size() == 1);

  std::filesystem::remove_all(stores.root / "snapshots");
  stores.reopen();
  cache::DiskResultIndex again(stores.records, *stores.layers, stores.root / "locks");
  CHECK_FALSE(again.find(key("chain")));
}

TEST_CASE("an action is run by one at a time, and its lock file goes afterwards") {
  test::Stores stores;
  cache::DiskResultIndex disk(stores.records, *stores.layers, stores.root / "locks");
  cache::MemoryResultIndex memory;
  for (cache::ResultIndex* index : std::initializer_list<cache::ResultIndex*>{&disk, &memory}) {
    std::shared_ptr<void> held = index->lock_action(key("k"), {});
    std::shared_ptr<void> other = index->lock_action(key("other"), {});
    std::atomic<bool> entered = false;
    std::jthread second([&] {
      std::shared_ptr<void> mine = index->lock_action(key("k"), {});
      entered = true;
    });
    std::stop_source stop;
    stop.request_stop();
    CHECK_THROWS_AS(index->lock_action(key("k"), stop.get_token()), util::Cancelled);
    CHECK_FALSE(entered);
    held.reset();
    second.join();
    CHECK(entered);
  }
  CHECK(std::filesystem::is_empty(stores.root / "locks"));
}
