#include "cache/layer_store.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "tests/unit/cache/sample_layers.h"
#include "util/error.h"
#include "util/stats.h"

using test::count_in;
using test::directory_entry;
using test::file_entry;
using test::link_entry;
using test::make_pulled;
using test::names;
using test::packed;
using test::Pulled;
using test::sample;
using test::serve;
using test::whiteout_entry;

TEST_CASE("the id of a layer is that of its content, however it was committed") {
  test::Stores one;
  cache::LayerId directory = one.commit(sample());
  test::Stores two;
  cache::LayerId blob = two.commit(sample(), packed());
  test::Stores three;
  cache::LayerId both = three.commit(sample(), packed(true));
  test::Stores four;
  test::LayerFiles known = sample();
  for (oci::LayerEntry& entry : known.entries) {
    entry.mtime += 1'000'000'000;
    if (entry.is_file()) entry.content = util::sha256_of(known.contents[entry.path]);
  }
  std::reverse(known.entries.begin(), known.entries.end());
  cache::LayerId with_digests = four.commit(known);
  CHECK(directory == blob);
  CHECK(directory == both);
  CHECK(directory == with_digests);
  test::LayerFiles other = sample();
  other.contents["d/a"] = "hellO";
  CHECK(one.commit(other) != directory);
}

TEST_CASE("the directory form has the files with their metadata") {
  const std::int64_t unpacked = util::counter("layers.unpacked").value();
  test::Stores stores;
  for (bool with_blob : {false, true}) {
    test::LayerFiles files = sample();
    files.file("extra", with_blob ? "1" : "2");
    cache::CommitOptions options = with_blob ? packed(true) : cache::CommitOptions{};
    cache::LayerId id = stores.commit(files, options);
    std::filesystem::path path = stores.layers->directory(id);
    CHECK(test::read_text(path / "d/a") == "hello");
    CHECK(test::read_text(path / "l") == "hello");
    util::FileStat stat = util::stat_at(AT_FDCWD, path / "d/b");
    CHECK(stat.mode == 0755);
    CHECK(stat.mtime == 1'600'000'000'000'000'000);
    CHECK(util::stat_at(AT_FDCWD, path / "d").mtime == 1'600'000'000'000'000'000);
    CHECK(names(*stores.layers->listing(id)) == "d d/a d/b extra l");
  }
  CHECK(util::counter("layers.unpacked").value() == unpacked);
}

TEST_CASE("a layer committed as a blob is unpacked when a directory is asked for, once") {
  test::Stores stores;
  cache::LayerId id = stores.commit(sample(), packed());
  CHECK_FALSE(stores.layers->has_directory(id));
  std::int64_t before = util::counter("layers.unpacked").value();
  std::filesystem::path path = stores.layers->directory(id);
  CHECK(stores.layers->directory(id) == path);
  stores.reopen();
  CHECK(stores.layers->has_directory(id));
  CHECK(stores.layers->directory(id) == path);
  CHECK(util::counter("layers.unpacked").value() == before + 1);
  CHECK(test::read_text(path / "d/b") == std::string(300000, 'x'));
  CHECK(count_in(stores.root / "snapshots") == 1);
}

TEST_CASE(
    "a layer committed as a directory is packed when a blob is asked for, and gives the same bytes as in one pass") {
  test::Stores one;
  test::Stores two;
  cache::LayerId id = one.commit(sample());
  two.commit(sample(), packed());
  cache::LayerBlob later = one.layers->blob(id, {}, false);
  cache::LayerBlob at_once = two.layers->blob(id, {}, false);
  CHECK(later.descriptor.digest == at_once.descriptor.digest);
  CHECK(later.diff_id == at_once.diff_id);
  CHECK(later.descriptor.media_type == "application/vnd.oci.image.layer.v1.tar+gzip");
  CHECK(later.descriptor.size == static_cast<std::int64_t>(one.content.find(later.descriptor.digest)->size));
  std::int64_t packs = util::counter("layers.packed").value();
  one.layers->blob(id, {}, false);
  CHECK(util::counter("layers.packed").value() == packs);
}

TEST_CASE("other compressions are made when forced, and remembered") {
  test::Stores stores;
  cache::LayerId id = stores.commit(sample(), packed());
  cache::LayerBlob gzip = stores.layers->blob(id, {}, false);
  CHECK(stores.layers->blob(id, {.compression = util::Compression::zstd}, false).descriptor.digest ==
        gzip.descriptor.digest);
  cache::LayerBlob zstd = stores.layers->blob(id, {.compression = util::Compression::zstd, .force = true}, false);
  CHECK(zstd.descriptor.media_type == "application/vnd.oci.image.layer.v1.tar+zstd");
  CHECK(zstd.diff_id == gzip.diff_id);
  cache::LayerBlob none = stores.layers->blob(id, {.compression = util::Compression::none, .force = true}, false);
  CHECK(none.descriptor.media_type == "application/vnd.oci.image.layer.v1.tar");
  CHECK(none.descriptor.digest == none.diff_id);
  std::int64_t packs = util::counter("layers.packed").value();
  CHECK(stores.layers->blob(id, {.compression = util::Compression::zstd}, false).descriptor.digest ==
        zstd.descriptor.digest);
  CHECK(util::counter("layers.packed").value() == packs);
}

TEST_CASE("a layer with a known id is replaced by the known one unless that is not wanted") {
  test::Stores stores;
  test::LayerFiles files = sample();
  cache::LayerId id = stores.commit(files, packed(true));
  std::int64_t created = stores.layers->created(id);
  cache::LayerBlob first = stores.layers->blob(id, {}, false);
  for (oci::LayerEntry& entry : files.entries) entry.mtime += 5'000'000'000;
  CHECK(stores.commit(files, packed(true)) == id);
  CHECK(stores.layers->created(id) == created);
  CHECK(stores.layers->blob(id, {}, false).descriptor.digest == first.descriptor.digest);
  CHECK(stores.layers->listing(id)->front().mtime == 1'600'000'000'000'000'000);

  cache::CommitOptions fresh = packed(true);
  fresh.substitute = false;
  CHECK(stores.commit(files, fresh) == id);
  CHECK(stores.layers->created(id) > created);
  CHECK(stores.layers->blob(id, {}, false).descriptor.digest != first.descriptor.digest);
  CHECK(stores.layers->listing(id)->front().mtime == 1'600'000'005'000'000'000);
  CHECK(util::stat_at(AT_FDCWD, stores.layers->directory(id) / "d").mtime == 1'600'000'005'000'000'000);
}

TEST_CASE("a known layer is found without reading anything when the digests are given") {
  test::Stores stores;
  test::LayerFiles files = sample();
  cache::LayerId id = stores.commit(files);
  for (oci::LayerEntry& entry : files.entries) {
    if (entry.is_file()) entry.content = util::sha256_of(files.contents[entry.path]);
  }
  auto open = [](const oci::LayerEntry&) -> std::unique_ptr<util::Reader> { throw util::Error("must not be read"); };
  CHECK(stores.layers->commit(files.entries, open, {}) == id);
}

TEST_CASE("a ready directory is moved into the store") {
  test::Stores stores;
  std::filesystem::path made = stores.root / "tmp/upper/fs";
  std::filesystem::create_directories(made / "d");
  std::ofstream(made / "d/f") << "content";
  oci::LayerEntry directory = directory_entry("d");
  for (bool pack : {false, true}) {
    cache::CommitOptions options;
    options.take_directory = made;
    options.substitute = false;
    if (pack) options.pack = cache::PackOptions{};
    cache::LayerId id = stores.layers->commit({directory, file_entry("d/f", "content")}, nullptr, options);
    CHECK_FALSE(std::filesystem::exists(made));
    std::filesystem::path stored = stores.layers->directory(id);
    CHECK(test::read_text(stored / "d/f") == "content");
    CHECK(stores.layers->listing(id)->at(1).content == util::sha256_of("content"));
    std::filesystem::create_directories(made.parent_path());
    std::filesystem::rename(stored, made);
  }
}

TEST_CASE("a layer of so many entries that they are not kept is listed from the disk") {
  test::Stores stores;
  test::LayerFiles files;
  for (int i = 0; i < 20'000; ++i) files.add(file_entry(std::to_string(100'000 + i), ""));
  files.entries.push_back(file_entry("z", ""));
  files.entries.back().hard_link = "100007";
  const cache::ContentOpener open = [](const oci::LayerEntry&) { return std::make_unique<util::StringReader>(""); };
  const cache::LayerId id = stores.layers->commit(files.entries, open, packed());
  const auto listing = stores.layers->listing(id);
  CHECK(listing->size() == 20'001);
  CHECK(oci::canonical_digest(*listing) == id);
  CHECK(listing->back().content == util::sha256_of(""));
  CHECK(stores.layers->commit(files.entries, open, packed()) == id);
  stores.reopen();
  CHECK(*stores.layers->listing(id)->back().hard_link == "100007");
}

TEST_CASE("an empty layer is a layer") {
  test::Stores stores;
  cache::LayerId id = stores.commit({}, packed(true));
  CHECK(stores.layers->contains(id));
  CHECK(stores.layers->listing(id)->empty());
  CHECK(std::filesystem::is_empty(stores.layers->directory(id)));
  CHECK(stores.layers->blob(id, {}, false).descriptor.size > 0);
}

TEST_CASE("whiteouts, opaque directories and hard links survive blob and directory") {
  test::Stores stores;
  test::LayerFiles files;
  oci::LayerEntry opaque = directory_entry("o");
  opaque.kind = oci::LayerEntry::Kind::opaque;
  oci::LayerEntry link = file_entry("z", "");
  link.hard_link = "a";
  files.file("a", "1").add(link).add(opaque).file("o/x", "2").add(whiteout_entry("gone"));
  cache::LayerId id = stores.commit(files, packed());
  std::filesystem::path path = stores.layers->directory(id);
  CHECK(util::stat_at(AT_FDCWD, path / "a").inode == util::stat_at(AT_FDCWD, path / "z").inode);
  CHECK(util::stat_at(AT_FDCWD, path / "gone").type == util::FileType::char_device);
  auto listing = stores.layers->listing(id);
  CHECK(names(*listing) == "a gone o o/x z");
  CHECK(listing->at(1).kind == oci::LayerEntry::Kind::whiteout);
  CHECK(listing->at(2).kind == oci::LayerEntry::Kind::opaque);
  CHECK(listing->at(4).hard_link == "a");
  // The listing made from the unpacked blob is the same, so the id would be too.
  std::filesystem::remove_all(stores.root / "listings");
  std::filesystem::create_directories(stores.root / "listings");
  stores.reopen();
  CHECK(oci::canonical_digest(*stores.layers->listing(id)) == id);
}

TEST_CASE("a pulled layer moves no bytes until something needs them") {
  Pulled pulled = make_pulled(sample());
  test::Stores stores;
  int fetches = 0;
  serve(stores, pulled, fetches);
  stores.layers->add_remote(pulled.id, pulled.descriptor, "registry/x");
  CHECK(stores.layers->contains(pulled.id));
  cache::LayerBlob blob = stores.layers->blob(pulled.id, {}, false);
  CHECK(blob.remote);
  CHECK(blob.origin == "registry/x");
  CHECK(blob.diff_id == pulled.id);
  CHECK(blob.descriptor.media_type == "application/vnd.oci.image.layer.v1.tar+gzip");
  CHECK(fetches == 0);
  CHECK(names(*stores.layers->listing(pulled.id)) == "d d/a d/b l");
  CHECK(test::read_text(stores.layers->directory(pulled.id) / "d/a") == "hello");
  CHECK_FALSE(stores.layers->blob(pulled.id, {}, true).remote);
  CHECK(fetches == 1);
}

TEST_CASE("a pulled layer that is converted keeps its tar") {
  Pulled pulled = make_pulled(sample());
  test::Stores stores;
  int fetches = 0;
  serve(stores, pulled, fetches);
  stores.layers->add_remote(pulled.id, pulled.descriptor, "registry/x");
  cache::LayerBlob same = stores.layers->blob(pulled.id, {.force = true}, false);
  CHECK(same.descriptor.digest == pulled.descriptor.digest);
  CHECK(fetches == 0);
  cache::LayerBlob zstd =
      stores.layers->blob(pulled.id, {.compression = util::Compression::zstd, .force = true}, false);
  CHECK(zstd.diff_id == pulled.id);
  CHECK_FALSE(zstd.remote);
  CHECK(fetches == 1);
}

TEST_CASE("a pulled blob whose content is not what the image says is refused and leaves nothing") {
  Pulled pulled = make_pulled(sample());
  test::Stores stores;
  int fetches = 0;
  serve(stores, pulled, fetches);
  cache::LayerId wrong = util::sha256_of("another diff id");
  stores.layers->add_remote(wrong, pulled.descriptor, "registry/x");
  CHECK_THROWS_AS(stores.layers->directory(wrong), util::Error);
  CHECK(count_in(stores.root / "snapshots") == 0);
  CHECK(count_in(stores.root / "listings") == 0);
}

TEST_CASE("a file that changes while it is committed is an error") {
  test::Stores stores;
  test::LayerFiles files = sample();
  files.contents["d/a"] = "hello!";
  CHECK_THROWS_AS(stores.commit(files), util::Error);
  CHECK_THROWS_AS(stores.commit(files, packed()), util::Error);
  files.contents["d/a"] = "HELLO";
  files.entries[1].content = util::sha256_of("hello");
  CHECK_THROWS_AS(stores.commit(files), util::Error);
  CHECK(count_in(stores.root / "snapshots") == 0);
  CHECK(stores.records.all_layers().empty());
}

TEST_CASE("entries that cannot be a layer are refused") {
  test::Stores stores;
  test::LayerFiles twice;
  twice.file("a", "1").file("a", "1");
  CHECK_THROWS_AS(stores.commit(twice), util::Error);
  test::LayerFiles below;
  below.file("a", "1").file("a/b", "1");
  CHECK_THROWS_AS(stores.commit(below), util::Error);
  test::LayerFiles dangling;
  oci::LayerEntry link = file_entry("b", "");
  link.hard_link = "nowhere";
  dangling.add(link);
  CHECK_THROWS_AS(stores.commit(dangling), util::Error);
}

TEST_CASE("of several threads that need the same directory one makes it") {
  test::Stores stores;
  cache::LayerId id = stores.commit(sample(), packed());
  std::int64_t before = util::counter("layers.unpacked").value();
  std::atomic<int> same{0};
  std::filesystem::path expected;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 6; ++i) {
      threads.emplace_back([&] {
        cache::LayerStore own(stores.root, stores.content, stores.records);
        if (std::filesystem::exists(own.directory(id) / "d/a")) ++same;
      });
    }
  }
  CHECK(same == 6);
  CHECK(util::counter("layers.unpacked").value() == before + 1);
}

TEST_CASE("the tree of a chain reads metadata without unpacking, and content by unpacking") {
  test::Stores stores;
  cache::LayerId base = stores.commit(sample(), packed());
  test::LayerFiles upper;
  upper.add(directory_entry("d", 0700)).file("d/a", "new").add(whiteout_entry("l"));
  cache::LayerId top = stores.commit(upper, packed());
  std::vector<cache::LayerId> chain = {base, top};
  auto tree = stores.layers->tree(chain);
  std::int64_t before = util::counter("layers.unpacked").value();
  CHECK(tree->list("") == std::vector<std::string>{"d"});
  CHECK(tree->find("d")->mode == 0700);
  CHECK(tree->content_digest("d/a") == util::sha256_of("new"));
  CHECK(tree->content_digest("d/b") == util::sha256_of(std::string(300000, 'x')));
  CHECK(util::counter("layers.unpacked").value() == before);
  auto reader = tree->open("d/a");
  CHECK(util::read_all(*reader) == "new");
  CHECK(util::counter("layers.unpacked").value() == before + 1);
}

TEST_CASE("a stop ends a commit and leaves nothing") {
  test::Stores stores;
  std::stop_source stop;
  stop.request_stop();
  test::LayerFiles files = sample();
  CHECK_THROWS_AS(stores.layers->commit(files.entries, files.opener(), packed(true), stop.get_token()),
                  util::Cancelled);
  CHECK(count_in(stores.root / "snapshots") == 0);
}

TEST_CASE("an unknown layer is an error") {
  test::Stores stores;
  CHECK_FALSE(stores.layers->contains(util::sha256_of("x")));
  CHECK(stores.layers->created(util::sha256_of("x")) == 0);
  CHECK_THROWS_AS(stores.layers->directory(util::sha256_of("x")), util::Error);
  CHECK_THROWS_AS(stores.layers->blob(util::sha256_of("x"), {}, false), util::Error);
}
