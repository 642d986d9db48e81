#include "cache/record_store.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test_dir.h"
#include "util/error.h"
#include "util/temp.h"

namespace {

util::Digest key(int number) {
  return util::sha256_of(std::to_string(number));
}

}  // namespace

TEST_CASE("records are found by each of their keys, also after reopening") {
  test::TestDir directory;
  {
    cache::RecordStore store(directory / "cache.db");
    store.save_records(
        {{key(1), {key(10), key(11)}, "summary", "step 1", 5}, {key(2), {key(10), key(11)}, "summary", "step 1", 5}});
  }
  cache::RecordStore store(directory / "cache.db");
  CHECK(store.find_record(key(1))->layers == std::vector<cache::LayerId>{key(10), key(11)});
  CHECK(store.find_record(key(2))->summary == "summary");
  CHECK(store.find_record(key(2))->name == "step 1");
  CHECK(*store.find_result(key(2)) == std::vector<cache::LayerId>{key(10), key(11)});
  CHECK_FALSE(store.find_record(key(3)));
  CHECK_FALSE(store.find_result(key(3)));
}

TEST_CASE("a record with no layers is a result too") {
  test::TestDir directory;
  cache::RecordStore store(directory / "cache.db");
  store.save_records({{key(1), {}, "", "n", 1}});
  CHECK(store.find_result(key(1))->empty());
}

TEST_CASE("the latest record of a name wins, and old summaries go") {
  test::TestDir directory;
  cache::RecordStore store(directory / "cache.db");
  for (int i = 0; i < 10; ++i)
    store.save_records({{key(i), {key(100 + i)}, "summary " + std::to_string(i), "step", i}});
  CHECK(store.latest_record("step")->summary == "summary 9");
  CHECK(store.latest_record("step")->key == key(9));
  CHECK(store.find_record(key(0))->summary == "");
  CHECK(store.find_record(key(0))->layers.size() == 1);
  CHECK_FALSE(store.latest_record("other"));
}

TEST_CASE("a layer's row keeps its sides apart") {
  test::TestDir directory;
  cache::RecordStore store(directory / "cache.db");
  oci::Descriptor remote;
  remote.media_type = oci::kOciLayer;
  remote.digest = key(5);
  remote.size = 77;
  store.set_remote(key(1), remote, "docker.io/library/x");
  store.set_directory(key(1), "rabc", true, 12);
  std::optional<cache::LayerRow> row = store.find_layer(key(1));
  REQUIRE(row);
  CHECK(row->remote->digest == key(5));
  CHECK(row->remote->size == 77);
  CHECK(row->remote_origin == "docker.io/library/x");
  CHECK(row->snapshot == "rabc");
  CHECK(row->has_listing);
  CHECK(row->size == 12);
  CHECK(store.all_layers().size() == 1);
}

TEST_CASE("packed forms are told apart by compression and variant") {
  test::TestDir directory;
  cache::RecordStore store(directory / "cache.db");
  store.save_blob({key(1), util::Compression::gzip, "", key(20), 5, key(30)});
  store.save_blob({key(1), util::Compression::gzip, "9", key(21), 4, key(30)});
  store.save_blob({key(1), util::Compression::zstd, "", key(22), 3, key(30)});
  store.save_blob({key(1), util::Compression::zstd, "", key(23), 3, key(30)});
  CHECK(store.layer_blobs(key(1)).size() == 3);
  store.remove_blob(key(21));
  CHECK(store.layer_blobs(key(1)).size() == 2);
  cache::LayerRow row;
  row.id = key(1);
  store.replace_layer(row, {{key(1), util::Compression::none, "", key(24), 9, key(30)}});
  REQUIRE(store.layer_blobs(key(1)).size() == 1);
  CHECK(store.layer_blobs(key(1))[0].digest == key(24));
  store.remove_layer(key(1));
  CHECK(store.layer_blobs(key(1)).empty());
  CHECK_FALSE(store.find_layer(key(1)));
}

TEST_CASE("facts are kept with the time they were saved") {
  test::TestDir directory;
  cache::RecordStore store(directory / "cache.db");
  CHECK_FALSE(store.find_fact("tag"));
  store.save_fact("tag", "1");
  store.save_fact("tag", "2");
  CHECK(store.find_fact("tag")->first == "2");
  CHECK(store.find_fact("tag")->second > 0);
}

TEST_CASE("twenty processes can open a fresh database at once and write to it") {
  test::TestDir directory;
  std::vector<pid_t> children;
  for (int i = 0; i < 20; ++i) {
    pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      int code = 1;
      try {
        cache::RecordStore store(directory / "cache.db");
        store.save_records({{key(i), {key(i)}, "s", "n", 1}});
        store.save_fact(std::to_string(i), "x");
        code = 0;
      } catch (const util::Error& error) {
        ::write(2, error.what(), error.message().size());
      }
      ::_exit(code);
    }
    children.push_back(child);
  }
  int failures = 0;
  for (pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    if (status != 0) ++failures;
  }
  CHECK(failures == 0);
  cache::RecordStore store(directory / "cache.db");
  for (int i = 0; i < 20; ++i) CHECK(store.find_result(key(i)));
}

TEST_CASE("a step that was saved is known by its name") {
  test::TestDir directory;
  cache::RecordStore store(directory / "cache.db");
  CHECK_FALSE(store.has_summary("stage/1 COPY"));
  cache::Record record;
  record.key = util::sha256_of("key");
  record.name = "stage/1 COPY";
  record.summary = "[]";
  store.save_records({record});
  CHECK(store.has_summary("stage/1 COPY"));
  CHECK_FALSE(store.has_summary("stage/2 COPY"));
}

TEST_CASE("what was written can be brought into the database before it is closed") {
  test::TestDir directory;
  const std::filesystem::path file = directory / "cache.db";
  { const cache::RecordStore made(file); }
  const std::filesystem::path copy = directory / "copy.db";
  for (const bool written_back : {false, true}) {
    cache::RecordStore store(file);
    const std::string key = written_back ? "back" : "log";
    store.save_fact(key, "value");
    if (written_back) store.write_back();
    CHECK(store.find_fact(key)->first == "value");
    // Without its log.
    std::filesystem::copy_file(file, copy, std::filesystem::copy_options::overwrite_existing);
    CHECK(cache::RecordStore(copy).find_fact(key).has_value() == written_back);
  }
}

TEST_CASE("a damaged database is moved aside, and a new one begun") {
  test::TestDir directory;
  const std::filesystem::path file = directory / "cache.db";
  { cache::RecordStore(file).save_fact("key", "value"); }
  util::write_file_atomically(file, std::string(8192, 'x'));
  cache::RecordStore store(file);
  CHECK_FALSE(store.find_fact("key").has_value());
  store.save_fact("key", "again");
  CHECK(store.find_fact("key")->first == "again");
  std::size_t aside = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
    aside += entry.path().filename().native().starts_with("cache.db.damaged-") ? 1 : 0;
  }
  CHECK(aside == 1);
}
