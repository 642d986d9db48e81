#include "util/fs.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "tests/support/test_dir.h"
#include "util/error.h"

namespace {

util::Fd open_dir(const std::filesystem::path& path) { return util::open_file(path, O_PATH | O_DIRECTORY); }

int code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const util::SystemError& error) {
    return error.code();
  }
  return 0;
}

/// Forces the walk for the life of the object, unless told to leave openat2 in use.
struct WalkForced {
  explicit WalkForced(bool on) {
    if (on) ::setenv("BUILDER_NO_OPENAT2", "1", 1);
  }
  ~WalkForced() { ::unsetenv("BUILDER_NO_OPENAT2"); }
};

/// What a path inside `root` holds.
std::string content(const util::Fd& root, std::string_view path) {
  return util::read_to_end(util::open_in_root(root.get(), path, O_RDONLY).get());
}

}  // namespace

TEST_CASE("stat_at tells type, mode, size and nanoseconds without following") {
  test::TestDir dir;
  dir.write("f", "12345");
  std::filesystem::create_symlink("f", dir / "link");
  ::chmod((dir / "f").c_str(), 04751);
  timespec times[2] = {{1, 2}, {1700000000, 123456789}};
  ::utimensat(AT_FDCWD, (dir / "f").c_str(), times, 0);
  util::Fd root = open_dir(dir.path());

  util::FileStat file = util::stat_at(root.get(), "f");
  CHECK(file.type == util::FileType::regular);
  CHECK(file.mode == 04751);
  CHECK(file.size == 5);
  CHECK(file.mtime == 1700000000123456789);
  CHECK(file.uid == ::geteuid());
  CHECK(file.link_count == 1);
  CHECK(util::stat_at(root.get(), "link").type == util::FileType::symlink);
  CHECK(util::stat_at(root.get(), "").type == util::FileType::directory);
  util::FileStat null = util::stat_at(AT_FDCWD, "/dev/null");
  CHECK(null.type == util::FileType::char_device);
  CHECK(null.rdev_major == 1);
  CHECK(null.rdev_minor == 3);
}

TEST_CASE("a time before the epoch is negative") {
  test::TestDir dir;
  dir.write("f", "");
  timespec times[2] = {{-5, 0}, {-5, 250000000}};
  REQUIRE(::utimensat(AT_FDCWD, (dir / "f").c_str(), times, 0) == 0);
  CHECK(util::stat_at(AT_FDCWD, dir / "f").mtime == -4750000000);
}

TEST_CASE("find_stat_at gives nothing for missing entries and below files") {
  test::TestDir dir;
  dir.write("f", "");
  util::Fd root = open_dir(dir.path());
  CHECK(util::find_stat_at(root.get(), "f"));
  CHECK_FALSE(util::find_stat_at(root.get(), "g"));
  CHECK_FALSE(util::find_stat_at(root.get(), "f/x"));
  CHECK_THROWS_AS(util::stat_at(root.get(), "g"), util::SystemError);
}

TEST_CASE("a directory lists sorted by bytes, as often as asked") {
  test::TestDir dir;
  for (const char* name : {"b", "a", "B", "\xc3\xa9", "a.b", ".x"}) dir.write(name, "");
  std::filesystem::create_directory(dir / "d");
  util::Fd root = util::open_file(dir.path(), O_RDONLY);
  for (int i = 0; i < 2; ++i) {
    std::vector<std::string> names;
    for (const util::DirEntry& entry : util::list_directory(root.get())) names.push_back(entry.name);
    CHECK(names == std::vector<std::string>{".x", "B", "a", "a.b", "b", "d", "\xc3\xa9"});
  }
}

TEST_CASE("long link targets are read whole") {
  test::TestDir dir;
  std::string target(4000, 't');
  std::filesystem::create_symlink(target, dir / "link");
  CHECK(util::read_link_at(AT_FDCWD, dir / "link") == target);
}

TEST_CASE("open_in_root stays inside the root, with openat2 and by walking") {
  bool walk = false;
  SUBCASE("openat2") {}
  SUBCASE("walk") { walk = true; }
  WalkForced forced(walk);
  test::TestDir dir;
  dir.write("secret", "outside");
  dir.write("root/etc/passwd", "inside");
  dir.write("root/secret", "decoy");
  auto link = [&](const char* target, const char* name) { std::filesystem::create_symlink(target, dir / name); };
  link("/etc", "root/absolute");
  link("../../../../secret", "root/etc/up");
  link("../secret", "root/up");
  link("/", "root/slash");
  link("etc/", "root/etc-slash");
  link("loop-b", "root/loop-a");
  link("loop-a", "root/loop-b");
  link("missing", "root/dangling");
  util::Fd root = open_dir(dir / "root");

  CHECK(content(root, "etc/passwd") == "inside");
  CHECK(content(root, "/etc/./passwd") == "inside");
  CHECK(content(root, "absolute/passwd") == "inside");
  CHECK(content(root, "slash/absolute/passwd") == "inside");
  CHECK(content(root, "etc-slash/passwd") == "inside");
  CHECK(content(root, "../../secret") == "decoy");
  CHECK(content(root, "etc/up") == "decoy");
  CHECK(content(root, "up") == "decoy");
  CHECK(content(root, "etc/../secret") == "decoy");

  util::FileStat own = util::stat_at(root.get(), "");
  for (const char* path : {"", "/", ".", "..", "slash", "etc/..", "/../..", "absolute/.."}) {
    CAPTURE(path);
    util::Fd opened = util::open_in_root(root.get(), path, O_RDONLY | O_DIRECTORY);
    CHECK(util::stat_at(opened.get(), "").inode == own.inode);
  }
  CHECK(code_of([&] { (void)util::open_in_root(root.get(), "loop-a", O_RDONLY); }) == ELOOP);
  CHECK(code_of([&] { (void)util::open_in_root(root.get(), "loop-a/x", O_RDONLY); }) == ELOOP);
  CHECK(code_of([&] { (void)util::open_in_root(root.get(), "dangling", O_RDONLY); }) == ENOENT);
  CHECK(code_of([&] { (void)util::open_in_root(root.get(), "secret/x", O_RDONLY); }) == ENOTDIR);
  CHECK(code_of([&] { (void)util::open_in_root(root.get(), "secret/", O_RDONLY); }) == ENOTDIR);
  CHECK(code_of([&] { (void)util::open_in_root(root.get(), "nothing/../secret", O_RDONLY); }) == ENOENT);
  CHECK(code_of([&] { (void)util::open_in_root(root.get(), "absolute", O_RDONLY | O_NOFOLLOW); }) == ELOOP);
  CHECK(code_of([&] { (void)util::open_in_root(root.get(), std::string_view("a\0b", 3), O_RDONLY); }) == EINVAL);

  util::Fd itself = util::open_in_root(root.get(), "absolute", O_PATH | O_NOFOLLOW);
  CHECK(util::stat_at(itself.get(), "").type == util::FileType::symlink);
  util::Fd followed = util::open_in_root(root.get(), "absolute", O_PATH);
  CHECK(util::stat_at(followed.get(), "").type == util::FileType::directory);
}

TEST_CASE("open_in_root creates files inside the root, through dangling links too") {
  bool walk = false;
  SUBCASE("openat2") {}
  SUBCASE("walk") { walk = true; }
  WalkForced forced(walk);
  test::TestDir dir;
  std::filesystem::create_directories(dir / "root/d");
  std::filesystem::create_symlink("/d/target", dir / "root/link");
  util::Fd root = open_dir(dir / "root");
  util::write_all(util::open_in_root(root.get(), "d/new", O_WRONLY | O_CREAT | O_EXCL, 0640).get(), "1");
  CHECK(util::stat_at(root.get(), "d/new").mode == 0640);
  util::write_all(util::open_in_root(root.get(), "link", O_WRONLY | O_CREAT, 0600).get(), "2");
  CHECK(util::read_file(dir / "root/d/target") == "2");
  CHECK(code_of([&] { (void)util::open_in_root(root.get(), "link", O_WRONLY | O_CREAT | O_EXCL, 0600); }) == EEXIST);
}

TEST_CASE("a chain of links that is too long is refused by the walk") {
  WalkForced forced(true);
  test::TestDir dir;
  dir.write("l0", "end");
  for (int i = 1; i <= 300; ++i) {
    std::filesystem::create_symlink("l" + std::to_string(i - 1), dir / ("l" + std::to_string(i)));
  }
  util::Fd root = open_dir(dir.path());
  CHECK(content(root, "l255") == "end");
  CHECK(code_of([&] { (void)util::open_in_root(root.get(), "l256", O_RDONLY); }) == ELOOP);
}

TEST_CASE("extended attributes are set and read, on links without following") {
  test::TestDir dir;
  dir.write("d/f", "");
  std::filesystem::create_symlink("f", dir / "d/link");
  util::Fd root = open_dir(dir / "d");
  if (code_of([&] { util::set_xattr(root.get(), "f", "user.a", "1"); }) == ENOTSUP) {
    MESSAGE("skipped: no user attributes here");
    return;
  }
  std::string value(1000, '\0');
  util::set_xattr(root.get(), "f", "user.b", value);
  util::set_xattr(root.get(), "f", "user.empty", "");
  auto attributes = util::read_xattrs(root.get(), "f");
  CHECK(attributes["user.a"] == "1");
  CHECK(attributes["user.b"] == value);
  CHECK(attributes.count("user.empty") == 1);
  CHECK(util::read_xattrs(root.get(), "link").count("user.a") == 0);
  CHECK(util::read_xattrs(util::open_at(root.get(), "f", O_PATH).get(), "").count("user.a") == 1);
  util::Fd link = util::open_at(root.get(), "link", O_PATH | O_NOFOLLOW);
  CHECK(util::read_xattrs(link.get(), "").count("user.a") == 0);
  CHECK(util::read_xattrs(AT_FDCWD, dir / "d/f").count("user.a") == 1);
  CHECK(code_of([&] { (void)util::read_xattrs(root.get(), "missing"); }) == ENOENT);
}

TEST_CASE("remove_tree removes files, links and trees without following") {
  test::TestDir dir;
  dir.write("keep/f", "");
  dir.write("tree/a/b/c", "");
  dir.write("tree/x", "");
  std::filesystem::create_symlink("../keep", dir / "tree/link");
  std::filesystem::create_symlink("keep", dir / "link");
  util::remove_tree(dir / "tree");
  util::remove_tree(dir / "link");
  util::remove_tree(dir / "missing");
  util::remove_tree(dir / "missing/below");
  CHECK_FALSE(std::filesystem::exists(dir / "tree"));
  CHECK(std::filesystem::exists(dir / "keep/f"));
  util::remove_tree(dir / "keep/f");
  CHECK_FALSE(std::filesystem::exists(dir / "keep/f"));
}

TEST_CASE("remove_tree gets rid of directories without any permission") {
  test::TestDir dir;
  dir.write("tree/a/b/f", "");
  ::chmod((dir / "tree/a/b").c_str(), 0);
  ::chmod((dir / "tree/a").c_str(), 0500);
  ::chmod((dir / "tree").c_str(), 0);
  util::remove_tree(dir / "tree");
  CHECK_FALSE(std::filesystem::exists(dir / "tree"));
}

TEST_CASE("remove_tree handles a tree deeper than paths, stacks and open files allow") {
  test::TestDir dir;
  std::filesystem::create_directory(dir / "deep");
  {
    util::Fd at = open_dir(dir / "deep");
    for (int i = 0; i < 3000; ++i) {
      REQUIRE(::mkdirat(at.get(), "d", 0755) == 0);
      util::Fd file = util::open_at(at.get(), "f", O_CREAT | O_WRONLY);
      at = util::open_at(at.get(), "d", O_PATH | O_DIRECTORY);
    }
  }
  util::remove_tree(dir / "deep");
  CHECK_FALSE(std::filesystem::exists(dir / "deep"));
}

TEST_CASE("make_directories makes what is missing and accepts what is there") {
  test::TestDir dir;
  util::make_directories(dir / "a/b/c");
  util::make_directories(dir / "a/b/c");
  util::make_directories(dir / "a/x/");
  CHECK(std::filesystem::is_directory(dir / "a/b/c"));
  CHECK(std::filesystem::is_directory(dir / "a/x"));
  dir.write("f", "");
  CHECK(code_of([&] { util::make_directories(dir / "f"); }) == EEXIST);
  CHECK(code_of([&] { util::make_directories(dir / "f/x/y"); }) == ENOTDIR);
  std::filesystem::create_symlink("a", dir / "link");
  util::make_directories(dir / "link/new");
  CHECK(std::filesystem::is_directory(dir / "a/new"));
}

TEST_CASE("sync_path takes files and directories") {
  test::TestDir dir;
  dir.write("f", "x");
  util::sync_path(dir / "f");
  util::sync_path(dir.path());
  CHECK(code_of([&] { util::sync_path(dir / "missing"); }) == ENOENT);
}

TEST_CASE("clean_relative resolves by text and clips at the root") {
  CHECK(util::clean_relative("/a/./b//../c") == "a/c");
  CHECK(util::clean_relative("") == "");
  CHECK(util::clean_relative("/") == "");
  CHECK(util::clean_relative(".") == "");
  CHECK(util::clean_relative("../../x") == "x");
  CHECK(util::clean_relative("a/..") == "");
  CHECK(util::clean_relative("a/b/../../..") == "");
  CHECK(util::clean_relative("a/") == "a");
  CHECK(util::clean_relative("...") == "...");
  CHECK(util::clean_relative("a/.b/..c") == "a/.b/..c");
}
