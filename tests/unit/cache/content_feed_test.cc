#include "cache/content_feed.h"

#include <doctest/doctest.h>

#include <string>

#include "util/error.h"

namespace {

/// Files of these sizes, and readers of what is in them.
struct Files {
  explicit Files(std::vector<std::size_t> sizes) {
    for (std::size_t size : sizes) {
      oci::LayerEntry entry;
      entry.path = std::to_string(entries.size());
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

}  // namespace

TEST_CASE("files come in order, whole, with their digests, whatever their size") {
  constexpr std::size_t kBlock = 256 << 10;
  Files files({0, 1, kBlock - 1, 0, kBlock, kBlock + 1, 3, 5 * kBlock, 0});
  oci::LayerEntry directory;
  directory.path = "d";
  directory.type = util::FileType::directory;
  files.entries.push_back(directory);
  const cache::ContentOpener open = files.opener();
  cache::ContentFeed feed(files.entries, open, {});
  for (const std::string& content : files.contents) {
    CHECK(util::read_all(feed.next()) == content);
    CHECK(feed.digest() == util::sha256_of(content));
  }
  CHECK(util::read_all(feed.next()).empty());
}

TEST_CASE("what goes wrong with a file is thrown when that file is asked for") {
  Files files({10, 700'000, 10, 10});
  files.missing = "2";
  const cache::ContentOpener open = files.opener();
  cache::ContentFeed feed(files.entries, open, {});
  CHECK(util::read_all(feed.next()) == files.contents[0]);
  CHECK(util::read_all(feed.next()) == files.contents[1]);
  CHECK_THROWS_WITH_AS(util::read_all(feed.next()), "gone", util::Error);
}

TEST_CASE("a file that is not as large as it was said to be is an error, one that changed too") {
  Files files({10, 20});
  files.contents[1] = "short";
  const cache::ContentOpener open = files.opener();
  CHECK_THROWS_AS(([&] {
                    cache::ContentFeed feed(files.entries, open, {});
                    util::read_all(feed.next());
                    util::read_all(feed.next());
                  }()),
                  util::Error);
}

TEST_CASE("a feed that is not taken to its end stops, and a stop ends it") {
  Files files(std::vector<std::size_t>(100, 300'000));
  const cache::ContentOpener open = files.opener();
  { const cache::ContentFeed abandoned(files.entries, open, {}); }
  std::stop_source stop;
  cache::ContentFeed feed(files.entries, open, stop.get_token());
  util::read_all(feed.next());
  stop.request_stop();
  CHECK_THROWS_AS(
      [&] {
        for (int i = 1; i < 100; ++i) util::read_all(feed.next());
      }(),
      util::Cancelled);
}
