#include "cache/prune.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "cache/named_lock.h"
#include "cache/reserve.h"
#include "oci/image.h"
#include "tests/unit/cache/fixture.h"
#include "util/file_lock.h"
#include "util/temp.h"

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kHour = 3600LL * 1000 * 1000 * 1000;

/// A store as a build leaves it: two layers, the upper one on the lower one, with records.
struct Store {
  test::TestDir directory;
  cache::CacheDir cache{directory / "root"};
  cache::LayerId lower = commit("a", "lower");
  cache::LayerId upper = commit("b", "upper");

  Store() {
    save("RUN a", {lower});
    save("RUN b", {lower, upper});
  }
  cache::LayerId commit(const std::string& path, const std::string& content) {
    test::LayerFiles files;
    files.file(path, content);
    cache::CommitOptions options;
    options.pack = cache::PackOptions{};
    return cache.layers().commit(files.entries, files.opener(), options);
  }
  void save(const std::string& name, std::vector<cache::LayerId> layers) {
    cache::Result result;
    result.layers = std::move(layers);
    cache::KeySummary summary;
    summary.name = name;
    cache.results().save({util::sha256_of(name)}, result, summary);
  }
  bool hits(const std::string& name) { return cache.results().find(util::sha256_of(name)).has_value(); }
  util::Digest blob_of(const cache::LayerId& layer) { return cache.records().layer_blobs(layer).at(0).digest; }
  /// An image of these layers, named.
  oci::Descriptor image(const std::string& name, const std::vector<cache::LayerId>& layers) {
    oci::Manifest manifest;
    manifest.media_type = oci::kOciManifest;
    manifest.config = document(R"({"architecture":"amd64","os":"linux"})", oci::kOciConfig);
    for (const cache::LayerId& layer : layers) {
      manifest.layers.push_back(cache.layers().blob(layer, {}, false).descriptor);
    }
    const oci::Descriptor top = document(oci::to_json_text(manifest), oci::kOciManifest);
    cache.images().tag(oci::Reference::parse(name), top);
    return top;
  }
  oci::Descriptor document(const std::string& text, std::string_view type) {
    const cache::BlobInfo blob = cache.content().put(text);
    oci::Descriptor descriptor;
    descriptor.media_type = type;
    descriptor.digest = blob.digest;
    descriptor.size = static_cast<std::int64_t>(blob.size);
    return descriptor;
  }
  std::vector<cache::UsageEntry> prune(const cache::PrunePolicy& policy = {}) {
    return cache::prune(cache, policy, [] { FAIL("nobody else is there"); }, {});
  }
};

std::size_t count_files(const fs::path& directory) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator(directory)) count += entry.path().filename() != "empty" ? 1 : 0;
  return count;
}

cache::UsageEntry entry(const std::string& id, std::uint64_t size, std::int64_t used) {
  cache::UsageEntry made;
  made.id = id;
  made.size = size;
  made.used = used;
  made.created = 1;
  return made;
}

std::string ids(const std::vector<cache::UsageEntry>& entries) {
  std::string text;
  for (const cache::UsageEntry& entry : entries) text += entry.id;
  return text;
}

}  // namespace

TEST_CASE("prune deletes what nobody needs: layers in every form, records, leftovers") {
  Store store;
  const fs::path root = store.cache.root();
  fs::create_directories(root / "snapshots/r0123456789abcdef/fs");
  util::write_file_atomically(root / "locks/dead", "");
  store.cache.content().put(std::string(100, 'x'));
  store.prune();
  CHECK_FALSE(store.hits("RUN a"));
  CHECK_FALSE(store.hits("RUN b"));
  CHECK(count_files(root / "oci/blobs/sha256") == 0);
  CHECK(count_files(root / "snapshots") == 0);
  CHECK(count_files(root / "listings") == 0);
  CHECK(count_files(root / "locks") == 0);
}

TEST_CASE("the log of the database stays within the reserve, however much is deleted") {
  const test::TestDir directory;
  const fs::path root = directory / "root";
  constexpr int kRecords = 300;
  {
    cache::CacheDir cache(root);
    test::LayerFiles files;
    files.file("a", "content");
    cache::CommitOptions options;
    options.pack = cache::PackOptions{};
    cache::Result result;
    result.layers = {cache.layers().commit(files.entries, files.opener(), options)};
    for (int i = 0; i < kRecords; ++i) {
      cache::KeySummary summary;
      summary.name = "COPY " + std::to_string(i);
      summary.parts.emplace_back("files", std::string(60000, 'x'));
      cache.results().save({util::sha256_of(summary.name)}, result, summary);
    }
  }
  cache::CacheDir cache(root);
  const fs::path log = root / "cache.db-wal";
  CHECK(cache.results().find(util::sha256_of("COPY 7")).has_value());
  cache::prune(cache, {}, [] { FAIL("nobody else is there"); }, {});
  CHECK_FALSE(cache.results().find(util::sha256_of("COPY 7")).has_value());
  CHECK(fs::file_size(log) > 0);
  CHECK(fs::file_size(log) < cache::kReserveSize / 2);
  CHECK(cache::usage(cache).records.empty());
}

TEST_CASE("what an image needs is never deleted, not even by --all") {
  Store store;
  const oci::Descriptor top = store.image("x:1", {store.lower, store.upper});
  const std::vector<cache::UsageEntry> pruned = store.prune();
  CHECK(pruned.empty());
  CHECK(store.hits("RUN b"));

  const util::Digest lower = store.blob_of(store.lower);
  const util::Digest upper = store.blob_of(store.upper);
  cache::PrunePolicy all;
  all.all = true;
  CHECK(store.prune(all).size() == 2);
  CHECK_FALSE(store.hits("RUN b"));
  for (const util::Digest& digest : {top.digest, lower, upper}) CHECK_NOTHROW(store.cache.content().read(digest));
  CHECK(count_files(store.cache.root() / "snapshots") == 0);
}

TEST_CASE("a layer that goes takes along the records that name it and the layers that only lay on it") {
  Store store;
  cache::PrunePolicy policy;
  policy.filter = [&](const cache::UsageEntry& entry) { return store.lower.hex().starts_with(entry.id); };
  const std::vector<cache::UsageEntry> pruned = store.prune(policy);
  REQUIRE(pruned.size() == 2);
  CHECK(pruned[0].description == "RUN a");
  CHECK(pruned[1].description == "RUN b");
}

TEST_CASE("the upper layer alone can go") {
  Store store;
  cache::PrunePolicy policy;
  policy.filter = [&](const cache::UsageEntry& entry) { return store.upper.hex().starts_with(entry.id); };
  CHECK(store.prune(policy).size() == 1);
  CHECK(store.hits("RUN a"));
  CHECK_FALSE(store.hits("RUN b"));
}

TEST_CASE("least valuable first: leftovers, then the oldest, of equals the upper layer, then the larger") {
  cache::UsageReport report;
  report.entries = {entry("n", 1, 9 * kHour), entry("s", 1, kHour + 1), entry("l", 5, kHour + 2),
                    entry("u", 1, kHour + 3), entry("o", 1, 20 * kHour)};
  report.entries[3].depth = 1;
  report.entries[4].orphan = true;
  CHECK(ids(cache::select_for_pruning(report, {}, 0)) == "oulsn");
}

TEST_CASE("limits: as little goes as keeps them") {
  cache::UsageReport report;
  report.entries = {entry("a", 100, 4 * kHour), entry("b", 100, 3 * kHour), entry("c", 100, 2 * kHour)};
  const auto gone = [&](std::optional<std::uint64_t> reserved, std::optional<std::uint64_t> used,
                        std::optional<std::uint64_t> free, std::uint64_t free_now = 0) {
    cache::PrunePolicy policy;
    policy.reserved_space = reserved;
    policy.max_used_space = used;
    policy.min_free_space = free;
    return ids(cache::select_for_pruning(report, policy, free_now));
  };
  CHECK(gone({}, {}, {}) == "cba");
  CHECK(gone(150, {}, {}) == "cb");
  CHECK(gone({}, 250, {}) == "c");
  CHECK(gone({}, 300, {}) == "");
  CHECK(gone({}, {}, 50, 60) == "");
  CHECK(gone({}, {}, 250, 60) == "cb");
  CHECK(gone(250, {}, 1000, 0) == "c");
  CHECK(gone(0, {}, {}) == "cba");
}

TEST_CASE("what is in use, and without --all what images share and internal things, stays") {
  cache::UsageReport report;
  report.entries = {entry("u", 1, 1), entry("s", 2, 1), entry("i", 1, 1), entry("x", 1, 1)};
  report.entries[0].in_use = true;
  report.entries[1].shared_size = 1;
  report.entries[2].type = cache::UsageType::internal;
  CHECK(ids(cache::select_for_pruning(report, {}, 0)) == "x");
  cache::PrunePolicy all;
  all.all = true;
  CHECK(ids(cache::select_for_pruning(report, all, 0)) == "six");
}

TEST_CASE("a cache mount in use is reported so, and is deleted afterwards") {
  Store store;
  const auto mounts = [&] {
    std::vector<cache::UsageEntry> found = cache::usage(store.cache).entries;
    std::erase_if(found, [](const auto& e) { return e.type != cache::UsageType::exec_cachemount; });
    return found;
  };
  auto lease = store.cache.mounts().acquire("/pip", cache::MountSharing::shared, {}, {});
  util::write_file_atomically(lease->directory() / "wheel", std::string(10000, 'x'));
  REQUIRE(mounts().size() == 1);
  CHECK(mounts()[0].in_use);
  CHECK(mounts()[0].description == "cached mount pip");
  CHECK(mounts()[0].size >= 10000);
  lease.reset();
  CHECK_FALSE(mounts()[0].in_use);
  store.prune();
  CHECK(mounts().empty());
}

TEST_CASE("prune killed after the rows were deleted: the next one takes the rest") {
  Store store;
  cache::RemovedRows rows;
  rows.layers = {store.lower, store.upper};
  for (const cache::RecordUse& record : cache::usage(store.cache).records) rows.records.push_back(record.key);
  cache::UsageRows(store.cache.root() / "cache.db").remove(rows);
  CHECK_FALSE(store.hits("RUN a"));
  for (const cache::UsageEntry& left : cache::usage(store.cache).entries) CHECK(left.orphan);
  store.prune();
  CHECK(count_files(store.cache.root() / "oci/blobs/sha256") == 0);
  CHECK(count_files(store.cache.root() / "snapshots") == 0);
}

TEST_CASE("bytes of a removed image go unless another image or the build cache knows them") {
  Store store;
  const oci::Descriptor built = store.image("built:1", {store.lower});
  const util::Digest foreign = store.cache.content().put(std::string(500, 'f')).digest;
  oci::Manifest manifest;
  manifest.media_type = oci::kOciManifest;
  manifest.config = store.document(R"({"os":"linux","architecture":"arm64"})", oci::kOciConfig);
  oci::Descriptor layer;
  layer.media_type = "application/vnd.oci.image.layer.v1.tar";
  layer.digest = foreign;
  layer.size = 500;
  manifest.layers = {layer};
  const oci::Descriptor pulled = store.document(oci::to_json_text(manifest), oci::kOciManifest);

  const util::Digest lower = store.blob_of(store.lower);
  CHECK(cache::delete_image_blobs(store.cache, {built.digest, lower}).blobs.empty());
  store.cache.images().remove(built.digest);
  CHECK(cache::delete_image_blobs(store.cache, {built.digest, lower}).blobs == std::vector{built.digest});
  CHECK(store.cache.content().contains(lower));
  const cache::DeletedBlobs deleted = cache::delete_image_blobs(store.cache, {pulled.digest, foreign});
  CHECK(deleted.blobs.size() == 2);
  CHECK(deleted.bytes == 500 + static_cast<std::uint64_t>(pulled.size));
  CHECK_FALSE(store.cache.content().contains(foreign));
}

TEST_CASE("another process in the store: prune waits for it") {
  Store store;
  // A lock of another open file description, as another process has it.
  auto other = std::make_unique<util::FileLock>(
      util::FileLock::acquire(store.cache.root() / "lock", util::LockMode::shared));
  CHECK_FALSE(store.cache.try_lock_exclusively());
  bool waited = false;
  cache::prune(store.cache, {}, [&] {
    waited = true;
    CHECK(store.hits("RUN a"));
    other.reset();
  }, {});
  CHECK(waited);
  CHECK_FALSE(store.hits("RUN a"));
  CHECK(util::FileLock::try_acquire(store.cache.root() / "lock", util::LockMode::shared).has_value());
}
