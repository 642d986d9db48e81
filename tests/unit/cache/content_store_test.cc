#include "cache/content_store.h"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

#include <filesystem>

#include "cache/damage.h"
#include "tests/support/test_dir.h"
#include "util/error.h"

namespace {

struct Store {
  test::TestDir directory;
  std::filesystem::path temporary = directory / "tmp";
  cache::ContentStore content{directory / "oci", temporary};
  Store() { std::filesystem::create_directories(temporary); }
  bool temporary_is_empty() const { return std::filesystem::is_empty(temporary); }
};

}  // namespace

TEST_CASE("a blob that is put can be found, opened and read") {
  Store store;
  cache::BlobInfo info = store.content.put("hello");
  CHECK(info.digest == util::sha256_of("hello"));
  CHECK(info.size == 5);
  CHECK(store.content.contains(info.digest));
  CHECK(store.content.find(info.digest)->size == 5);
  CHECK(store.content.read(info.digest) == "hello");
  CHECK(store.content.path(info.digest) == store.directory / ("oci/blobs/sha256/" + std::string(info.digest.hex())));
  CHECK(store.temporary_is_empty());
  CHECK_FALSE(store.content.find(util::sha256_of("other")));
  CHECK_THROWS_AS(store.content.open(util::sha256_of("other")), util::Error);
}

TEST_CASE("a blob that is not committed vanishes") {
  Store store;
  {
    cache::BlobWriter writer = store.content.create();
    writer.write(util::as_bytes("abc"));
    CHECK_FALSE(store.temporary_is_empty());
  }
  CHECK(store.temporary_is_empty());
  CHECK_FALSE(store.content.contains(util::sha256_of("abc")));
}

TEST_CASE("a blob with another content than expected is refused") {
  Store store;
  {
    cache::BlobWriter writer = store.content.create(util::sha256_of("expected"));
    writer.write(util::as_bytes("something else"));
    CHECK_THROWS_AS(writer.commit(), util::Error);
  }
  CHECK_FALSE(store.content.contains(util::sha256_of("expected")));
  CHECK_FALSE(store.content.contains(util::sha256_of("something else")));
  CHECK(store.temporary_is_empty());
}

TEST_CASE("a damaged blob is noticed when it is read, and dropped") {
  Store store;
  cache::BlobInfo info = store.content.put("hello");
  store.directory.write("oci/blobs/sha256/" + std::string(info.digest.hex()), "hellO");
  CHECK_THROWS_AS(store.content.read(info.digest), util::Error);
  CHECK_FALSE(store.content.contains(info.digest));
  store.content.put("hello");
  CHECK(store.content.read(info.digest) == "hello");
}

TEST_CASE("a damaged document is replaced by a put") {
  Store store;
  cache::BlobInfo info = store.content.put("hello");
  store.directory.write("oci/blobs/sha256/" + std::string(info.digest.hex()), "hellO");
  store.content.put("hello");
  CHECK(store.content.read(info.digest) == "hello");
}

TEST_CASE("a blob that was verified is not hashed again, unless somebody touched it") {
  Store store;
  cache::BlobInfo info = store.content.put("hello");
  store.content.verify(info.digest);
  store.content.verify(info.digest);
  CHECK(store.content.read(info.digest) == "hello");
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // longer than the clock of a file system needs to go on
  store.directory.write("oci/blobs/sha256/" + std::string(info.digest.hex()), "hellO");
  CHECK_THROWS_AS(store.content.verify(info.digest), cache::Damage);
  CHECK_FALSE(store.content.contains(info.digest));
  CHECK_THROWS_AS(store.content.verify(info.digest), util::Error);
}

TEST_CASE("after damage it is tried again, but not for ever") {
  const auto damage = [](const char* part) { return cache::Damage(util::sha256_of(part), "damaged", ""); };
  int calls = 0;
  CHECK(cache::retry_after_damage([&] {
          ++calls;
          if (calls == 1) throw damage("a");
          if (calls == 2) throw damage("b");
          return calls;
        }) == 3);
  calls = 0;
  CHECK_THROWS_AS(cache::retry_after_damage([&] {
                    ++calls;
                    throw damage("a");
                  }),
                  cache::Damage);
  CHECK(calls == 2);
}

TEST_CASE("a truncated blob of the same name is replaced by a put") {
  Store store;
  cache::BlobInfo info = store.content.put("hello");
  store.directory.write("oci/blobs/sha256/" + std::string(info.digest.hex()), "hel");
  store.content.put("hello");
  CHECK(store.content.read(info.digest) == "hello");
}

TEST_CASE("a large blob of this process is not hashed again, unless somebody touched it") {
  Store store;
  const std::string text(std::size_t{2} << 20, 'x');
  cache::BlobInfo info = store.content.put(text);
  CHECK(store.content.read(info.digest) == text);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // longer than the clock of a file system needs to go on
  std::string damaged = text;
  damaged[1000000] = 'y';
  store.directory.write("oci/blobs/sha256/" + std::string(info.digest.hex()), damaged);
  CHECK_THROWS_AS(store.content.read(info.digest), util::Error);
  CHECK_FALSE(store.content.contains(info.digest));
}
