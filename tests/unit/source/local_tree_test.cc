#include "source/local_tree.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "cache/vouching_reader.h"
#include "tests/support/test_dir.h"
#include "util/error.h"
#include "util/stats.h"

using source::LocalTree;
using util::FileType;
using Names = std::vector<std::string>;

namespace {

LocalTree tree_of(const test::TestDir& directory, std::vector<std::string> exclude = {}) {
  // What it knows is read back at every question.
  return LocalTree(directory / "tree", std::move(exclude),
                   std::make_shared<cache::StatCache>(directory / "stats", directory / "tree"), directory.path(), 0);
}

std::string content(const LocalTree& tree, const std::string& path) {
  auto reader = tree.open(path);
  return util::read_all(*reader);
}

/// Empty when the reader does not answer for its content.
util::Digest vouched(const util::Reader& reader) {
  const auto* vouching = dynamic_cast<const cache::VouchingReader*>(&reader);
  return vouching == nullptr ? util::Digest() : vouching->vouched();
}

/// As if the file were old, so that its digest is trusted.
void age(const std::filesystem::path& file) {
  timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 123}};
  utimensat(AT_FDCWD, file.c_str(), times, AT_SYMLINK_NOFOLLOW);
}

/// To its end.
void prefetch(const LocalTree& tree, std::function<bool(const std::string& directory)> skip) {
  if (std::jthread rest = tree.prefetch("", std::move(skip)); rest.joinable()) rest.join();
}

}  // namespace

TEST_CASE("who reads a file first may tell its digest, and it is not read again") {
  test::TestDir directory;
  const auto written = std::chrono::steady_clock::now();
  directory.write("tree/old", "hello");
  directory.write("tree/new", "hello");
  age(directory / "tree/old");
  const auto stats = std::make_shared<cache::StatCache>(directory / "stats", directory / "tree");
  for (const bool later : {false, true}) {
    if (later) std::this_thread::sleep_for(std::chrono::milliseconds(2100));  // ctime must be old, too
    const LocalTree tree(directory / "tree", {}, stats);
    for (const std::string name : {"old", "new"}) {
      CHECK_FALSE(tree.known_digest(name));
      const auto reader = tree.open(name);
      auto* learning = dynamic_cast<cache::LearningReader*>(reader.get());
      REQUIRE(learning != nullptr);
      util::read_all(*reader);
      const std::int64_t read = util::counter("context.files_read").value();
      learning->learn(util::sha256_of("hello"));
      CHECK(tree.known_digest(name) == util::sha256_of("hello"));
      CHECK(tree.content_digest(name) == util::sha256_of("hello"));
      CHECK(tree.find(name)->content == util::sha256_of("hello"));
      CHECK(util::counter("context.files_read").value() == read);
      // Without racing the clock its digest is good for later builds too. On a busy machine it may be late at once.
      const bool trusted = stats->find(name, util::stat_at(AT_FDCWD, directory / "tree" / name)).has_value();
      const bool at_once = std::chrono::steady_clock::now() - written < std::chrono::milliseconds(50);
      if (later || at_once) CHECK(trusted == later);
    }
  }
}

TEST_CASE("what was read under one name of a file is known under the others") {
  test::TestDir directory;
  directory.write("tree/a", "hello");
  std::filesystem::create_hard_link(directory / "tree/a", directory / "tree/b");
  const LocalTree tree = tree_of(directory);
  CHECK(tree.find("a")->hard_link.empty());
  CHECK(tree.find("b")->hard_link == "a");
  CHECK_FALSE(tree.known_digest("b"));
  const auto reader = tree.open("a");
  util::read_all(*reader);
  dynamic_cast<cache::LearningReader&>(*reader).learn(util::sha256_of("hello"));
  CHECK(tree.known_digest("b") == util::sha256_of("hello"));
}

TEST_CASE("a file that changed while it was read is not remembered for later builds") {
  test::TestDir directory;
  directory.write("tree/file", "hello");
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  const auto stats = std::make_shared<cache::StatCache>(directory / "stats", directory / "tree");
  const LocalTree tree(directory / "tree", {}, stats);
  const auto reader = tree.open("file");
  util::read_all(*reader);
  age(directory / "tree/file");
  dynamic_cast<cache::LearningReader&>(*reader).learn(util::sha256_of("hello"));
  CHECK(tree.content_digest("file") == util::sha256_of("hello"));
  CHECK_FALSE(stats->find("file", util::stat_at(AT_FDCWD, directory / "tree/file")));
}

TEST_CASE("entries are shown with owner 0:0, their modes and their times") {
  test::TestDir directory;
  directory.write("tree/dir/file", "hello");
  chmod((directory / "tree/dir/file").c_str(), 04751);
  chown((directory / "tree/dir/file").c_str(), 1234, 1234);
  chmod((directory / "tree/dir/file").c_str(), 04751);
  age(directory / "tree/dir/file");
  symlink("../outside", (directory / "tree/link").c_str());
  mkfifo((directory / "tree/pipe").c_str(), 0600);
  LocalTree tree = tree_of(directory);

  auto file = tree.find("dir/file");
  REQUIRE(file);
  CHECK(file->path == "dir/file");
  CHECK(file->type == FileType::regular);
  CHECK(file->mode == 04751);
  CHECK(file->uid == 0);
  CHECK(file->gid == 0);
  CHECK(file->size == 5);
  CHECK(file->mtime == 1'000'000'000'000'000'123);
  CHECK(file->xattrs.empty());
  CHECK(tree.find("")->type == FileType::directory);
  CHECK(tree.find("link")->type == FileType::symlink);
  CHECK(tree.find("link")->link_target == "../outside");
  CHECK(tree.find("pipe")->type == FileType::fifo);
  CHECK_FALSE(tree.find("absent"));
  CHECK_FALSE(tree.find("dir/file/below"));
  CHECK(tree.list("") == Names{"dir", "link", "pipe"});
  CHECK(tree.list("dir") == Names{"file"});
  CHECK(content(tree, "dir/file") == "hello");
  CHECK(tree.content_digest("dir/file") == util::sha256_of("hello"));
  CHECK_THROWS_AS(tree.open("pipe"), util::Error);
  CHECK_THROWS_AS(tree.open("absent"), util::Error);
  CHECK_THROWS_AS(tree.list("link"), util::Error);
}

TEST_CASE("links are never followed, not even inside a path") {
  test::TestDir directory;
  directory.write("secret/file", "secret");
  directory.write("tree/real/file", "inside");
  symlink((directory / "secret").c_str(), (directory / "tree/out").c_str());
  symlink("real", (directory / "tree/in").c_str());
  LocalTree tree = tree_of(directory);
  CHECK_FALSE(tree.find("out/file"));
  CHECK_FALSE(tree.find("in/file"));
  CHECK_THROWS_AS(tree.open("out/file"), util::Error);
  CHECK_THROWS_AS(tree.open("out"), util::Error);
  CHECK_THROWS_AS(tree.list("out"), util::Error);
}

TEST_CASE("a socket is an empty file") {
  test::TestDir directory;
  directory.write("tree/file", "");
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string path = (directory / "tree/socket").string();
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  LocalTree tree = tree_of(directory);
  CHECK(tree.find("socket")->type == FileType::regular);
  CHECK(tree.find("socket")->size == 0);
  CHECK(content(tree, "socket").empty());
  CHECK(tree.content_digest("socket") == util::sha256_of(""));
  close(fd);
}

TEST_CASE("ignored paths are not there, and the pattern that hides them is told") {
  test::TestDir directory;
  directory.write("tree/a.log", "");
  directory.write("tree/b.txt", "");
  directory.write("tree/node_modules/x/y", "");
  LocalTree tree = tree_of(directory, {"*.log", "node_modules"});
  CHECK(tree.list("") == Names{"b.txt"});
  CHECK_FALSE(tree.find("a.log"));
  CHECK_FALSE(tree.find("node_modules"));
  CHECK_FALSE(tree.find("node_modules/x/y"));
  CHECK_THROWS_AS(tree.open("a.log"), util::Error);
  CHECK_THROWS_AS(tree.content_digest("node_modules/x/y"), util::Error);
  CHECK(tree.hidden_by("a.log") == "*.log");
  CHECK(tree.hidden_by("node_modules/x/y") == "node_modules");
  CHECK_FALSE(tree.hidden_by("b.txt"));
  CHECK_FALSE(tree.hidden_by("absent.log"));
}

TEST_CASE("an ignored directory stays as the way to what is included again below it") {
  test::TestDir directory;
  directory.write("tree/docs/guide/keep.md", "k");
  directory.write("tree/docs/guide/drop.md", "");
  directory.write("tree/docs/other/drop.md", "");
  directory.write("tree/src/main.c", "");
  LocalTree tree = tree_of(directory, {"*", "!docs/guide/keep.md"});
  CHECK(tree.list("") == Names{"docs"});
  CHECK(tree.list("docs") == Names{"guide"});
  CHECK(tree.list("docs/guide") == Names{"keep.md"});
  CHECK(tree.find("docs")->is_directory());
  CHECK(content(tree, "docs/guide/keep.md") == "k");
  CHECK_FALSE(tree.find("docs/other"));
  CHECK_FALSE(tree.find("src"));
  // Nothing is left below: the directory is not there either.
  CHECK(tree_of(directory, {"docs", "!docs/none.md"}).list("") == Names{"src"});
}

TEST_CASE("an ignored directory is not even looked into when nothing below can come back") {
  test::TestDir directory;
  directory.write("tree/big/a/b", "");
  directory.write("tree/x", "");
  LocalTree tree = tree_of(directory, {"big", "!x"});
  chmod((directory / "tree/big").c_str(), 0);
  auto before = util::counter("context.files_stat").value();
  CHECK(tree.list("") == Names{"x"});
  CHECK(util::counter("context.files_stat").value() == before);
  chmod((directory / "tree/big").c_str(), 0700);
}

TEST_CASE("an unchanged file is not read again by the next tree") {
  test::TestDir directory;
  directory.write("tree/file", "one");
  std::filesystem::create_directories(directory / "stats");
  auto stats = std::make_shared<cache::StatCache>(directory / "stats", directory / "tree");
  util::FileStat stat = util::stat_at(AT_FDCWD, (directory / "tree/file").string());
  // Recorded as if the file had been older than the racy window.
  LocalTree first(directory / "tree", {}, stats);
  CHECK(first.content_digest("file") == util::sha256_of("one"));
  auto reads = util::counter("context.files_read").value();
  CHECK(first.content_digest("file") == util::sha256_of("one"));
  CHECK(util::counter("context.files_read").value() == reads);

  LocalTree second(directory / "tree", {}, stats);
  bool trusted = stats->find("file", stat).has_value();
  CHECK(second.content_digest("file") == util::sha256_of("one"));
  CHECK(util::counter("context.files_read").value() == reads + (trusted ? 0 : 1));

  directory.write("tree/file", "two, and longer");
  LocalTree third(directory / "tree", {}, stats);
  CHECK(third.content_digest("file") == util::sha256_of("two, and longer"));
}

TEST_CASE("what was seen of an entry stays so for the life of a tree") {
  test::TestDir directory;
  directory.write("tree/file", "one");
  LocalTree tree = tree_of(directory);
  CHECK(tree.find("file")->size == 3);
  CHECK_FALSE(tree.find("later"));
  directory.write("tree/file", "longer");
  directory.write("tree/later", "");
  CHECK(tree.find("file")->size == 3);
  CHECK_FALSE(tree.find("later"));
}

TEST_CASE("what is read through an unseen tree is remembered, and decides nothing else") {
  test::TestDir directory;
  directory.write("tree/file", "hello");
  directory.write("tree/hidden", "");
  age(directory / "tree/file");
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));  // ctime must be old, too
  const LocalTree tree = tree_of(directory, {"hidden"});
  const std::shared_ptr<const cache::Tree> ahead = tree.unseen();
  CHECK(ahead->list("") == Names{"file"});
  CHECK(ahead->content_digest("file") == util::sha256_of("hello"));
  CHECK(tree.known_digest("file") == util::sha256_of("hello"));
  directory.write("tree/new", "saved meanwhile");
  CHECK(ahead->list("") == Names{"file"});
  CHECK(tree.list("") == Names{"file", "new"});
}

TEST_CASE("a context that is no directory is refused") {
  test::TestDir directory;
  directory.write("tree", "");
  CHECK_THROWS_AS(tree_of(directory), util::Error);
  test::TestDir empty;
  CHECK_THROWS_AS(tree_of(empty), util::Error);
}

TEST_CASE("the entries of a directory are those that list and find give") {
  test::TestDir directory;
  for (const char* file : {"tree/b/x", "tree/a", "tree/a-b/y", "tree/hidden/z", "tree/kept/in/w", "tree/kept/out"}) directory.write(file, "1");
  std::filesystem::create_symlink("a", directory / "tree/link");
  for (const bool prefetched : {false, true}) {
    const LocalTree tree = tree_of(directory, {"hidden", "kept", "!kept/in"});
    if (prefetched) prefetch(tree, [](const std::string& path) { return path == "b"; });
    for (const char* path : {"", "b", "a-b", "kept", "kept/in"}) {
      Names names;
      for (const oci::LayerEntry& entry : tree.entries(path)) {
        const auto found = tree.find(entry.path);
        REQUIRE(found);
        CHECK(found->type == entry.type);
        CHECK(found->mtime == entry.mtime);
        CHECK(found->link_target == entry.link_target);
        names.push_back(std::filesystem::path(entry.path).filename());
      }
      CHECK(names == tree.list(path));
    }
    CHECK(tree.list("") == Names{"a", "a-b", "b", "kept", "link"});
    CHECK(tree.list("kept") == Names{"in"});
  }
}

TEST_CASE("prefetching looks at everything once, and not at what is skipped or hidden") {
  test::TestDir directory;
  for (int i = 0; i < 40; ++i) directory.write("tree/d" + std::to_string(i) + "/sub/file", "1");
  directory.write("tree/skipped/file", "1");
  directory.write("tree/hidden/file", "1");
  const LocalTree tree = tree_of(directory, {"hidden"});
  util::Counter& count = util::counter("context.files_stat");
  const auto before = count.value();
  prefetch(tree, [](const std::string& path) { return path == "skipped"; });
  const auto looked_at = count.value() - before;
  CHECK(looked_at >= 40 * 3 + 1);
  CHECK(looked_at <= 40 * 3 + 2);  // the hidden directory itself may be among them
  CHECK(tree.find("d7/sub/file"));
  CHECK_FALSE(tree.find("d7/sub/none"));
  CHECK(tree.entries("d39/sub").size() == 1);
  CHECK(count.value() - before == looked_at);
  CHECK(tree.find("skipped/file"));
}

TEST_CASE("a file with a known digest is vouched for until it changes") {
  test::TestDir directory;
  directory.write("tree/file", "one");
  // The digest is trusted once the last change is a while ago.
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  LocalTree tree = tree_of(directory);
  CHECK(vouched(*tree.open("file")) == util::Digest());
  const util::Digest digest = tree.content_digest("file");
  auto reader = tree.open("file");
  CHECK(vouched(*reader) == digest);
  CHECK(util::read_all(*reader) == "one");
  auto late = tree.open("file");
  directory.write("tree/file", "two");
  CHECK_THROWS_WITH_AS(util::read_all(*late), "read `/file`: its content is not what it was before", util::Error);
  // What is too new is not vouched for.
  LocalTree again = tree_of(directory);
  CHECK(again.content_digest("file") != digest);
  CHECK(vouched(*again.open("file")) == util::Digest());
}

TEST_CASE("names of one file know each other, also across directories") {
  test::TestDir directory;
  directory.write("tree/a/one", "x");
  directory.write("tree/other", "x");
  std::filesystem::create_hard_link(directory / "tree/a/one", directory / "tree/a/two");
  std::filesystem::create_hard_link(directory / "tree/a/one", directory / "tree/three");
  LocalTree tree = tree_of(directory);
  CHECK(tree.find("a/two")->hard_link.empty());  // asked for first
  CHECK(tree.find("a/one")->hard_link == "a/two");
  CHECK(tree.find("three")->hard_link == "a/two");
  CHECK(tree.find("a/two")->hard_link.empty());
  CHECK(tree.find("other")->hard_link.empty());
}

TEST_CASE("hashing a large file ends when it is asked to") {
  test::TestDir directory;
  directory.write("tree/file", std::string(1 << 20, 'x'));
  const LocalTree tree = tree_of(directory);
  std::stop_source stop;
  stop.request_stop();
  CHECK_THROWS_AS(tree.content_digest("file", stop.get_token()), util::Cancelled);
  CHECK_FALSE(tree.known_digest("file"));
}
