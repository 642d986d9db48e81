#include "cache/content_feed.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <vector>

#include "cache/layer_store_state.h"
#include "cache/vouching_reader.h"
#include "util/error.h"

namespace {

/// Files of these sizes, and readers of what is in them.
struct Files {
  explicit Files(std::vector<std::size_t> sizes) {
    for (std::size_t size : sizes) {
      oci::LayerEntry entry;
      entry.path = fmt::format("{:04}", entries.size());
      entry.size = size;
      entries.push_back(entry);
      contents.push_back(std::string(size, static_cast<char>('a' + entries.size() % 26)));
    }
  }
  cache::ContentOpener opener() {
    return [this](const oci::LayerEntry& entry) -> std::unique_ptr<util::Reader> {
      if (entry.path == missing) throw util::Error("gone");
      return std::make_unique<util::StringReader>(contents[std::stoul(entry.path)]);
    };
  }
  std::vector<oci::LayerEntry> entries;
  std::vector<std::string> contents;
  std::string missing;
};

struct Entries {
  explicit Entries(std::vector<oci::LayerEntry> entries) : all(std::move(entries)) {}
  oci::EntryVector all;
  cache::CheckedEntries checked{all};
};

/// An archive that is written from a feed, as a layer's is.
struct Archive {
  /// The next file of `feed`, which is written.
  std::string take(cache::ContentFeed& feed, std::size_t at_once = 100'000) {
    const std::size_t before = to.text().size();
    std::vector<std::byte> buffer(at_once);
    if (feed.next() == nullptr) return {};
    util::Reader& file = feed.content();
    while (const std::size_t count = file.read(buffer)) hash.write(util::Bytes(buffer).first(count));
    return to.text().substr(before);
  }
  util::StringWriter to;
  util::HashingWriter hash{to};
};

}  // namespace

TEST_CASE("files come in order, whole, with their digests, whatever their size; the archive's digest is right too") {
  constexpr std::size_t kBlock = 256 << 10;
  Files files({0, 1, kBlock - 1, 0, kBlock, kBlock + 1, 3, 5 * kBlock, 0, kBlock / 2 - 1, kBlock / 2});
  oci::LayerEntry directory;
  directory.path = "d";
  directory.type = util::FileType::directory;
  const cache::ContentOpener open = files.opener();
  for (std::size_t at_once : {1'000, 4'096, 1'000'000}) {
    CAPTURE(at_once);
    Archive archive;
    std::vector<oci::LayerEntry> with_directory = files.entries;
    with_directory.push_back(directory);
    Entries entries(std::move(with_directory));
    cache::ContentFeed feed(entries.checked, open, archive.hash, {});
    for (const std::string& content : files.contents) {
      CHECK(archive.take(feed, at_once) == content);
      CHECK(feed.digest() == util::sha256_of(content));
      archive.hash.write(util::as_bytes("between"));
    }
    CHECK(feed.next()->path == "d");
    CHECK(feed.next() == nullptr);
    CHECK(archive.hash.digest() == util::sha256_of(archive.to.text()));
  }
}

TEST_CASE("a large file whose digest was known must have it still, and who wants to learn a digest is told") {
  struct Learner final : cache::LearningReader {
    Learner(const std::string& text, util::Digest& learned) : text_(text), learned_(learned) {}
    std::size_t read(std::span<std::byte> buffer) override { return text_.read(buffer); }
    void learn(const util::Digest& digest) override { learned_ = digest; }
    util::StringReader text_;
    util::Digest& learned_;
  };
  Files files({300'000, 10});
  std::vector<util::Digest> learned(2);
  const cache::ContentOpener open = [&](const oci::LayerEntry& entry) -> std::unique_ptr<util::Reader> {
    const std::size_t index = std::stoul(entry.path);
    return std::make_unique<Learner>(files.contents[index], learned[index]);
  };
  Archive archive;
  {
    Entries entries(files.entries);
    cache::ContentFeed feed(entries.checked, open, archive.hash, {});
    for (std::size_t i = 0; i < 2; ++i) {
      archive.take(feed);
      CHECK(feed.digest() == learned[i]);
      CHECK(learned[i] == util::sha256_of(files.contents[i]));
    }
  }
  files.entries[0].content = util::sha256_of("another");
  Entries entries(files.entries);
  cache::ContentFeed feed(entries.checked, open, archive.hash, {});
  archive.take(feed);
  CHECK_THROWS_AS(feed.digest(), util::Error);
}

TEST_CASE("what goes wrong with a file is thrown when that file is asked for") {
  Files files({10, 700'000, 10, 10});
  files.missing = "0002";
  const cache::ContentOpener open = files.opener();
  Archive archive;
  Entries entries(files.entries);
  cache::ContentFeed feed(entries.checked, open, archive.hash, {});
  CHECK(archive.take(feed) == files.contents[0]);
  CHECK(archive.take(feed) == files.contents[1]);
  CHECK_THROWS_WITH_AS(archive.take(feed), "gone", util::Error);
}

TEST_CASE("entries that have no bytes come in between, however many, with what is wrong in its place") {
  std::vector<oci::LayerEntry> all;
  for (int i = 0; i < 5000; ++i) {
    oci::LayerEntry link;
    link.path = fmt::format("d{:06}", i);
    link.type = util::FileType::symlink;
    link.link_target = "x";
    all.push_back(link);
  }
  all.push_back(all.back());
  const cache::ContentOpener open = [](const oci::LayerEntry&) -> std::unique_ptr<util::Reader> { throw util::Error("must not be read"); };
  Archive archive;
  Entries entries(all);
  cache::ContentFeed feed(entries.checked, open, archive.hash, {});
  for (int i = 0; i < 5000; ++i) REQUIRE(feed.next()->path == all[static_cast<std::size_t>(i)].path);
  CHECK_THROWS_WITH_AS((void)feed.next(), "commit a layer: `/d004999` is in it twice", util::Error);
}

TEST_CASE("a file that is not as large as it was said to be is an error, one that changed too") {
  for (std::size_t size : {20, 200'000}) {
    Files files({10, size});
    files.contents[1] = "short";
    const cache::ContentOpener open = files.opener();
    CHECK_THROWS_AS(([&] {
                      Archive archive;
                      Entries entries(files.entries);
                      cache::ContentFeed feed(entries.checked, open, archive.hash, {});
                      archive.take(feed);
                      archive.take(feed);
                      (void)feed.digest();
                    }()),
                    util::Error);
  }
}

TEST_CASE("a feed that is not taken to its end stops, and a stop ends it") {
  Files files(std::vector<std::size_t>(100, 300'000));
  const cache::ContentOpener open = files.opener();
  Archive archive;
  {
    Entries entries(files.entries);
    const cache::ContentFeed abandoned(entries.checked, open, archive.hash, {});
  }
  std::stop_source stop;
  Entries entries(files.entries);
  cache::ContentFeed feed(entries.checked, open, archive.hash, stop.get_token());
  archive.take(feed);
  stop.request_stop();
  CHECK_THROWS_AS(
      [&] {
        for (int i = 1; i < 100; ++i) archive.take(feed);
      }(),
      util::Cancelled);
}
