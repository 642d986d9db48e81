#include <doctest/doctest.h>

#include <fstream>

#include "cache/damage.h"
#include "cache/layer_store.h"
#include "tests/unit/cache/sample_layers.h"
#include "util/error.h"

using test::make_pulled;
using test::names;
using test::packed;
using test::Pulled;
using test::sample;
using test::serve;

TEST_CASE("a pulled blob that was damaged on disk is fetched again") {
  Pulled pulled = make_pulled(sample());
  test::Stores stores;
  int fetches = 0;
  serve(stores, pulled, fetches);
  stores.layers->add_remote(pulled.id, pulled.descriptor, "registry/x");
  std::string damaged = pulled.bytes;
  damaged[damaged.size() / 2] ^= 1;
  std::ofstream(stores.content.path(pulled.descriptor.digest), std::ios::binary) << damaged;
  CHECK(test::read_text(stores.layers->directory(pulled.id) / "d/a") == "hello");
  CHECK(fetches == 1);
}

TEST_CASE("a built layer whose last form is lost is no layer any more, with an error that says so") {
  test::Stores stores;
  cache::LayerId id = stores.commit(sample(), packed());
  stores.content.remove(stores.layers->blob(id, {}, false).descriptor.digest);
  stores.reopen();
  CHECK_FALSE(stores.layers->contains(id));
  CHECK_THROWS_AS(stores.layers->directory(id), cache::Damage);
  CHECK_FALSE(stores.layers->contains(id));
}

TEST_CASE("a lost layer that is made again is what it was to the byte, whatever the times are now") {
  for (const cache::CommitOptions& options : {packed(), packed(true)}) {
    test::Stores stores;
    cache::LayerId id = stores.commit(sample(), packed());
    const cache::LayerBlob before = stores.layers->blob(id, {}, false);
    const std::int64_t created = stores.layers->created(id);
    std::ofstream(stores.content.path(before.descriptor.digest), std::ios::binary) << "garbage";
    CHECK_THROWS_AS(stores.content.read(before.descriptor.digest), cache::Damage);
    // What this process remembers is found to be wrong at the first use.
    CHECK_THROWS_AS(stores.layers->blob(id, {}, false), cache::Damage);
    test::LayerFiles later = sample();
    for (oci::LayerEntry& entry : later.entries) entry.mtime += 5'000'000'000;
    CHECK(stores.commit(later, options) == id);
    CHECK(stores.layers->blob(id, {}, false).descriptor.digest == before.descriptor.digest);
    CHECK(stores.content.contains(before.descriptor.digest));
    CHECK(stores.layers->created(id) == created);
  }
}

TEST_CASE("a listing that is damaged is made again from the directory, unless that is damaged too") {
  test::Stores stores;
  cache::LayerId id = stores.commit(sample());
  const std::filesystem::path listing = stores.root / "listings" / std::string(id.hex());
  const std::string before = test::read_text(listing);
  std::ofstream(listing) << "garbage";
  stores.reopen();
  CHECK(names(*stores.layers->listing(id)) == "d d/a d/b l");
  CHECK(test::read_text(listing) == before);
  std::ofstream(listing) << "garbage";
  std::ofstream(stores.layers->directory(id) / "d/a") << "hellO";
  stores.reopen();
  CHECK_THROWS_AS(stores.layers->listing(id), cache::Damage);
  CHECK_FALSE(stores.layers->contains(id));
}

TEST_CASE("damage in the middle of a compressed blob is told from an archive that is wrong") {
  Pulled pulled = make_pulled(sample());
  for (std::size_t at : {std::size_t{12}, pulled.bytes.size() / 2, pulled.bytes.size() - 3}) {
    test::Stores stores;
    int fetches = 0;
    serve(stores, pulled, fetches);
    stores.layers->add_remote(pulled.id, pulled.descriptor, "registry/x");
    std::string damaged = pulled.bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    std::ofstream(stores.content.path(pulled.descriptor.digest), std::ios::binary) << damaged;
    CHECK(test::read_text(stores.layers->directory(pulled.id) / "d/a") == "hello");
    CHECK(fetches == 1);
  }
}

TEST_CASE("a packed form that is damaged is made again from the directory") {
  test::Stores stores;
  cache::LayerId id = stores.commit(sample(), packed(true));
  cache::LayerBlob blob = stores.layers->blob(id, {}, false);
  std::ofstream(stores.content.path(blob.descriptor.digest), std::ios::binary) << "garbage";
  CHECK_THROWS_AS(stores.content.read(blob.descriptor.digest), util::Error);
  CHECK(stores.layers->blob(id, {}, false).descriptor.digest == blob.descriptor.digest);
  CHECK(stores.content.contains(blob.descriptor.digest));
}

TEST_CASE("an unpacked file that was changed in the store never gets into an image") {
  test::Stores stores;
  cache::LayerId id = stores.commit(sample());
  std::ofstream(stores.layers->directory(id) / "d/a") << "hellO";
  CHECK_THROWS_AS(stores.layers->blob(id, {}, false), util::Error);
  stores.reopen();
  CHECK_FALSE(stores.layers->contains(id));
}

TEST_CASE("a file read out of a damaged directory says so, and the directory is made again") {
  test::Stores stores;
  const cache::LayerId id = stores.commit(sample(), packed(true));
  const std::vector<cache::LayerId> chain = {id};
  const auto read = [&](const std::string& path) { return util::read_all(*stores.layers->tree(chain)->open(path)); };
  CHECK(read("d/a") == "hello");
  const auto tree = stores.layers->tree(chain);
  const auto reader = tree->open("d/a");
  CHECK(util::read_all(*reader) == "hello");
  CHECK(util::read_all(*reader).empty());
  std::ofstream(stores.layers->directory(id) / "d/a") << "hellO";
  CHECK_THROWS_AS(read("d/a"), cache::Damage);
  CHECK(read("d/a") == "hello");
  std::filesystem::remove(stores.layers->directory(id) / "d/b");
  CHECK_THROWS_AS(read("d/b"), cache::Damage);
  CHECK(read("d/b") == std::string(300000, 'x'));
}

TEST_CASE("a layer that has nothing but a damaged directory is lost") {
  test::Stores stores;
  const cache::LayerId id = stores.commit(sample());
  std::ofstream(stores.layers->directory(id) / "d/a") << "hello, and more";
  const std::vector<cache::LayerId> chain = {id};
  CHECK_THROWS_AS(util::read_all(*stores.layers->tree(chain)->open("d/a")), cache::Damage);
  CHECK_FALSE(stores.layers->contains(id));
}
