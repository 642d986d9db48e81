#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <random>
#include <thread>

#include "cache/growing_blob.h"
#include "tests/unit/cache/fixture.h"
#include "tests/unit/cache/sample_layers.h"
#include "util/error.h"

using test::Pulled;

namespace {

std::string random_bytes(std::size_t size) {
  std::mt19937_64 random(7);
  std::string bytes;
  while (bytes.size() < size) {
    const std::uint64_t word = random();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  return bytes;
}

/// A layer of two files that no compression makes smaller: about half of its blob is enough for the first.
Pulled big_layer() {
  test::LayerFiles files;
  files.file("first", random_bytes(std::size_t{4} << 20)).file("second", random_bytes(std::size_t{8} << 20));
  return test::make_pulled(files);
}

bool is_unpacked(const std::filesystem::path& root, const std::string& name) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root, ignored)) {
    if (entry.path().filename() == name) return true;
  }
  return false;
}

struct Arrival {
  Pulled pulled = big_layer();
  test::Stores stores;

  explicit Arrival(cache::LayerStore::Fetcher fetcher) {
    stores.layers->set_fetcher(std::move(fetcher));
    stores.layers->add_remote(pulled.id, pulled.descriptor, "registry/x");
  }
};

using Task = util::ProgressTask;

}  // namespace

TEST_CASE("a pulled layer is unpacked while it arrives") {
  bool early = false;
  Arrival* here = nullptr;
  Arrival arrival([&](const oci::Descriptor& blob, const std::string&, Task*, std::stop_token) {
    cache::BlobWriter writer = here->stores.content.create(blob.digest);
    const util::Bytes bytes = util::as_bytes(here->pulled.bytes);
    writer.write(bytes.first(bytes.size() / 3 * 2));
    for (int i = 0; i < 4000 && !early; ++i) {
      early = is_unpacked(here->stores.root / "tmp", "first");
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    writer.write(bytes.subspan(bytes.size() / 3 * 2));
    writer.commit();
  });
  here = &arrival;
  const std::filesystem::path directory = arrival.stores.layers->directory(arrival.pulled.id);
  CHECK(early);
  CHECK(test::read_text(directory / "second") == random_bytes(std::size_t{8} << 20));
  CHECK(arrival.stores.content.contains(arrival.pulled.descriptor.digest));
}

TEST_CASE("a download that is given up and begun anew, perhaps elsewhere, is unpacked all the same") {
  Arrival* here = nullptr;
  Arrival arrival([&](const oci::Descriptor& blob, const std::string&, Task*, std::stop_token) {
    const util::Bytes bytes = util::as_bytes(here->pulled.bytes);
    here->stores.content.create(blob.digest).write(bytes.first(bytes.size() / 2));
    cache::BlobWriter writer = here->stores.content.create(blob.digest);
    writer.write(bytes);
    writer.commit();
  });
  here = &arrival;
  CHECK(std::filesystem::exists(arrival.stores.layers->directory(arrival.pulled.id) / "second"));
}

TEST_CASE("a download that fails half-way says why, and leaves nothing") {
  Arrival* here = nullptr;
  Arrival arrival([&](const oci::Descriptor& blob, const std::string&, Task*, std::stop_token) {
    const util::Bytes bytes = util::as_bytes(here->pulled.bytes);
    cache::BlobWriter writer = here->stores.content.create(blob.digest);
    writer.write(bytes.first(bytes.size() / 2));
    throw util::Error("the registry went away");
  });
  here = &arrival;
  CHECK_THROWS_WITH(arrival.stores.layers->directory(arrival.pulled.id), "the registry went away");
  CHECK(test::count_in(arrival.stores.root / "snapshots") == 0);
  CHECK_FALSE(is_unpacked(arrival.stores.root, "first"));
}

TEST_CASE("bytes that are not those of the digest are not unpacked") {
  Arrival* here = nullptr;
  Arrival arrival([&](const oci::Descriptor& blob, const std::string&, Task*, std::stop_token) {
    std::string other = here->pulled.bytes;
    other[other.size() - 100] ^= 1;
    cache::BlobWriter writer = here->stores.content.create(blob.digest);
    writer.write(util::as_bytes(other));
    writer.commit();
  });
  here = &arrival;
  CHECK_THROWS_AS(arrival.stores.layers->directory(arrival.pulled.id), util::Error);
  CHECK(test::count_in(arrival.stores.root / "snapshots") == 0);
  CHECK_FALSE(arrival.stores.content.contains(arrival.pulled.descriptor.digest));
}

TEST_CASE("a stop ends the waiting for bytes that do not come") {
  std::stop_source stop;
  Arrival* here = nullptr;
  Arrival arrival([&](const oci::Descriptor& blob, const std::string&, Task*, std::stop_token stopped) {
    cache::BlobWriter writer = here->stores.content.create(blob.digest);
    writer.write(util::as_bytes("\x1f\x8b"));
    stop.request_stop();
    while (!stopped.stop_requested()) std::this_thread::yield();
    throw util::Cancelled();
  });
  here = &arrival;
  CHECK_THROWS_AS(arrival.stores.layers->directory(arrival.pulled.id, nullptr, stop.get_token()), util::Cancelled);
}

TEST_CASE("layers of a chain are unpacked each once, in the order of the chain") {
  const Pulled pulled = test::make_pulled(test::sample());
  test::Stores stores;
  int fetches = 0;
  test::serve(stores, pulled, fetches);
  stores.layers->add_remote(pulled.id, pulled.descriptor, "registry/x");
  const cache::LayerId built = stores.commit(test::LayerFiles().file("other", "x"));
  const std::vector<cache::LayerId> chain = {pulled.id, built, pulled.id};
  const std::vector<std::filesystem::path> paths = stores.layers->directories(chain);
  CHECK(paths == std::vector{stores.layers->directory(pulled.id), stores.layers->directory(built), paths[0]});
  CHECK(fetches == 1);
}
