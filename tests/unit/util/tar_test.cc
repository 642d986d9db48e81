#include "util/tar.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <random>
#include <vector>

#include "tests/support/test_dir.h"
#include "util/error.h"
#include "util/fd.h"

namespace {

using util::FileType;
using util::TarEntry;

constexpr util::Nanoseconds kSecond = 1'000'000'000;

TarEntry file(const std::string& path, std::uint64_t size) {
  TarEntry entry;
  entry.path = path;
  entry.size = size;
  entry.mode = 0644;
  return entry;
}

TarEntry node(FileType type, const std::string& path, const std::string& link = {}) {
  TarEntry entry;
  entry.path = path;
  entry.type = type;
  entry.link_target = link;
  entry.mode = type == FileType::directory ? 0755 : 0777;
  return entry;
}

struct Member {
  TarEntry entry;
  std::string content;
};

std::string write_archive(const std::vector<Member>& members, bool subsecond = false) {
  util::StringWriter out;
  util::TarWriter tar(out, subsecond);
  for (const Member& member : members) {
    tar.add(member.entry);
    tar.write(util::as_bytes(member.content));
  }
  tar.finish();
  return out.take();
}

std::vector<Member> read_archive(const std::string& data) {
  util::StringReader from(data);
  util::TarReader tar(from);
  std::vector<Member> members;
  while (std::optional<TarEntry> entry = tar.next()) {
    Member member{*entry, {}};
    if (entry->type == FileType::regular && !entry->hard_link) member.content = util::read_all(tar.content());
    members.push_back(std::move(member));
  }
  return members;
}

/// Writes one member and reads it again.
Member round_trip(const TarEntry& entry, const std::string& content = {}, bool subsecond = false) {
  std::vector<Member> members = read_archive(write_archive({{entry, content}}, subsecond));
  REQUIRE(members.size() == 1);
  return members[0];
}

std::string shell(const std::string& command) {
  test::TestDir dir;
  REQUIRE(std::system((command + " > " + (dir / "out").string()).c_str()) == 0);
  return util::read_file(dir / "out");
}

/// An archive that GNU tar made of a directory.
std::string gnu_tar(const test::TestDir& dir, const std::string& options) {
  return shell("tar -c " + options + " -C " + (dir / "tree").string() + " .");
}

}  // namespace

TEST_CASE("every kind of member is read as it was written") {
  TarEntry device = node(FileType::char_device, "dev/null");
  device.device_major = 1;
  device.device_minor = 3;
  TarEntry hard = file("again", 0);
  hard.hard_link = true;
  hard.link_target = "etc/hosts";
  std::vector<Member> members = read_archive(write_archive({
      {node(FileType::directory, "etc"), ""},
      {file("etc/hosts", 5), "hello"},
      {file("empty", 0), ""},
      {node(FileType::symlink, "link", "../target"), ""},
      {device, ""},
      {node(FileType::fifo, "pipe"), ""},
      {hard, ""},
  }));
  REQUIRE(members.size() == 7);
  CHECK(members[0].entry.path == "etc/");
  CHECK(members[0].entry.type == FileType::directory);
  CHECK(members[0].entry.mode == 0755);
  CHECK(members[1].content == "hello");
  CHECK(members[2].content.empty());
  CHECK(members[3].entry.type == FileType::symlink);
  CHECK(members[3].entry.link_target == "../target");
  CHECK(members[4].entry.type == FileType::char_device);
  CHECK(members[4].entry.device_major == 1);
  CHECK(members[4].entry.device_minor == 3);
  CHECK(members[5].entry.type == FileType::fifo);
  CHECK(members[6].entry.hard_link);
  CHECK(members[6].entry.link_target == "etc/hosts");
}

TEST_CASE("values that fit a ustar header need no extended header") {
  TarEntry entry = file(std::string(150, 'd') + "/" + std::string(100, 'n'), 3);
  entry.uid = entry.gid = 2097151;
  entry.mtime = 1234567890 * kSecond + 5;
  std::string archive = write_archive({{entry, "abc"}});
  CHECK(archive.size() == 512 + 512 + 1024);
  Member member = read_archive(archive)[0];
  CHECK(member.entry.path == entry.path);
  CHECK(member.entry.uid == 2097151);
  CHECK(member.entry.mtime == 1234567890 * kSecond);
}

TEST_CASE("values that do not fit come back through extended headers") {
  TarEntry entry = file(std::string(300, 'x') + "/y", 0);
  entry.uid = 4000000000U;
  entry.gid = 2097152;
  entry.mtime = -5 * kSecond;
  entry.xattrs = {{"user.empty", ""}, {"security.capability", std::string("\x01\0\n=\xff", 5)}};
  Member member = round_trip(entry);
  CHECK(member.entry.path == entry.path);
  CHECK(member.entry.uid == entry.uid);
  CHECK(member.entry.gid == entry.gid);
  CHECK(member.entry.mtime == entry.mtime);
  CHECK(member.entry.xattrs == entry.xattrs);

  TarEntry link = node(FileType::symlink, "l", std::string(101, 't'));
  CHECK(round_trip(link).entry.link_target == link.link_target);
}

TEST_CASE("names are bytes, in UTF-8 or not") {
  for (const std::string& name : {std::string("h\xc3\xa9llo"), std::string("latin\xe9"), std::string(200, '\xff')}) {
    CHECK(round_trip(file(name, 0)).entry.path == name);
    CHECK(round_trip(node(FileType::symlink, "l", name)).entry.link_target == name);
    CHECK(round_trip(node(FileType::directory, name)).entry.path == name + "/");
  }
}

TEST_CASE("times are cut to seconds towards the past unless fractions are asked for") {
  TarEntry entry = file("f", 0);
  for (util::Nanoseconds time :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, 3 * kSecond / 2, -3 * kSecond / 2, -kSecond}) {
    entry.mtime = time;
    CHECK(round_trip(entry, "", true).entry.mtime == time);
    util::Nanoseconds seconds = time >= 0 ? time / kSecond : -((-time + kSecond - 1) / kSecond);
    CHECK(round_trip(entry).entry.mtime == seconds * kSecond);
  }
}

TEST_CASE("content that is not as long as announced is refused") {
  util::StringWriter out;
  util::TarWriter tar(out);
  tar.add(file("name", 3));
  CHECK_THROWS_WITH_AS(tar.write(util::as_bytes("four")), doctest::Contains("`name`"), util::Error);
  tar.write(util::as_bytes("tw"));
  CHECK_THROWS_WITH_AS(tar.add(file("next", 0)), doctest::Contains("`name`"), util::Error);
  CHECK_THROWS_AS(tar.finish(), util::Error);
}

TEST_CASE("what the format cannot hold is refused") {
  CHECK_THROWS_AS(write_archive({{node(FileType::socket, "s"), ""}}), util::Error);
  CHECK_THROWS_AS(write_archive({{file(std::string("a\0b", 3), 0), ""}}), util::Error);
  CHECK_THROWS_AS(write_archive({{file("", 0), ""}}), util::Error);
  TarEntry entry = file("f", 0);
  entry.xattrs["user.a=b"] = "c";
  CHECK_THROWS_AS(write_archive({{entry, ""}}), util::Error);
}

TEST_CASE("GNU tar lists what was written") {
  TarEntry old = file("old", 0);
  old.mtime = -86400 * kSecond;
  std::string archive = write_archive({{node(FileType::directory, "d\xc3\xa4"), ""},
                                       {file("d\xc3\xa4/" + std::string(150, 'n'), 2), "hi"},
                                       {node(FileType::symlink, "l", std::string(120, 't')), ""},
                                       {old, ""}});
  test::TestDir dir;
  dir.write("a.tar", archive);
  std::string list =
      shell("TZ=UTC LC_ALL=C.UTF-8 tar --quoting-style=literal --full-time -tvf " + (dir / "a.tar").string());
  CHECK(list.find("1970-01-01 00:00:00 d\xc3\xa4/\n") != std::string::npos);
  CHECK(list.find("/" + std::string(150, 'n') + "\n") != std::string::npos);
  CHECK(list.find("l -> " + std::string(120, 't') + "\n") != std::string::npos);
  CHECK(list.find("1969-12-31 00:00:00 old") != std::string::npos);
}

TEST_CASE("archives of GNU tar in all its formats are read") {
  test::TestDir dir;
  std::string deep = "tree/" + std::string(90, 'a') + "/" + std::string(90, 'b') + "/caf\xc3\xa9";
  dir.write(deep, "content");
  dir.write("tree/bad\xe9name", "x");
  std::filesystem::create_symlink(std::string(150, 's'), dir / "tree/link");
  std::filesystem::create_hard_link(dir / "tree/bad\xe9name", dir / "tree/zz-hard");
  for (const char* format : {"--format=gnu", "--format=pax", "--format=posix"}) {
    std::vector<Member> members = read_archive(gnu_tar(dir, std::string("--sort=name ") + format));
    REQUIRE(members.size() == 7);
    CHECK(members[0].entry.path == "./");
    CHECK(members[3].entry.path == "./" + deep.substr(5));
    CHECK(members[3].content == "content");
    CHECK(members[4].entry.path == "./bad\xe9name");
    CHECK(members[5].entry.link_target == std::string(150, 's'));
    CHECK(members[6].entry.hard_link);
    CHECK(members[6].entry.link_target == "./bad\xe9name");
  }
}

TEST_CASE("sparse files are read with their holes as zeros") {
  test::TestDir dir;
  std::string content(3 << 20, '\0');
  for (std::size_t i = 0; i < 40; ++i) content.replace(i * 70000, 5, "data" + std::to_string(i % 10));
  dir.write("tree/s", "");
  std::string path = (dir / "tree/s").string();
  for (std::size_t i = 0; i < 40; ++i) {
    std::string text = content.substr(i * 70000, 5);
    REQUIRE(std::system(("printf " + text + " | dd of=" + path + " bs=1 seek=" + std::to_string(i * 70000) +
                         " conv=notrunc status=none")
                            .c_str()) == 0);
  }
  std::filesystem::resize_file(path, content.size());
  for (const char* options : {"--format=gnu -S", "--format=pax -S --sparse-version=0.0",
                              "--format=pax -S --sparse-version=0.1", "--format=pax -S --sparse-version=1.0"}) {
    std::string archive = gnu_tar(dir, std::string(options) + " --hole-detection=raw");
    CHECK(archive.size() < content.size() / 2);
    std::vector<Member> members = read_archive(archive);
    REQUIRE(members.size() == 2);
    CHECK(members[1].entry.path == "./s");
    CHECK(members[1].entry.size == content.size());
    CHECK(members[1].content == content);
  }
}

TEST_CASE("content that nobody reads is skipped") {
  std::string archive = write_archive({{file("a", 1000), std::string(1000, 'a')}, {file("b", 1), "b"}});
  util::StringReader from(archive);
  util::TarReader tar(from);
  std::byte one[1];
  CHECK(tar.next()->path == "a");
  CHECK(tar.content().read(one) == 1);
  CHECK(tar.next()->path == "b");
  CHECK_FALSE(tar.next());
  CHECK_FALSE(tar.next());
}

TEST_CASE("the stream is read to its end, so that its digest can be taken on the way") {
  util::StringReader from(write_archive({}) + std::string(20000, 'x'));
  util::TarReader tar(from);
  CHECK_FALSE(tar.next());
  CHECK(util::read_all(from).empty());
}

TEST_CASE("an archive without end blocks, and nothing at all, are archives") {
  std::string archive = write_archive({{file("a", 1), "a"}});
  CHECK(read_archive(archive.substr(0, 1024)).size() == 1);
  CHECK(read_archive(archive.substr(0, 1536)).size() == 1);
  CHECK(read_archive("").empty());
}

TEST_CASE("a cut-off archive is an error") {
  TarEntry entry = file(std::string(200, 'p'), 700);
  std::string archive = write_archive({{entry, std::string(700, 'c')}});
  for (std::size_t size : {1, 511, 512, 513, 1000, 1024, 1300, 1535, 1536, 1700, 2500}) {
    CAPTURE(size);
    CHECK_THROWS_AS(read_archive(archive.substr(0, size)), util::Error);
  }
}

TEST_CASE("damaged headers are errors") {
  CHECK_THROWS_AS(read_archive(std::string(2000, 'x')), util::Error);
  std::string archive = write_archive({{file("a", 1), "a"}});
  archive[3] = 'z';
  CHECK_THROWS_WITH_AS(read_archive(archive), doctest::Contains("checksum"), util::Error);
}

TEST_CASE("random damage makes errors or members, never crashes or endless work") {
  test::TestDir dir;
  dir.write("tree/" + std::string(120, 'l'), "content");
  dir.write("tree/s", "abc");
  std::filesystem::resize_file(dir / "tree/s", 100000);
  std::mt19937 random(1);
  for (const char* options : {"--format=gnu -S", "--format=pax -S", "--format=pax -S --sparse-version=0.1"}) {
    const std::string good = gnu_tar(dir, std::string(options) + " --hole-detection=raw -b 1");
    for (int round = 0; round < 1500; ++round) {
      std::string bad = good;
      std::size_t at = random() % bad.size();
      bad[at] = static_cast<char>(random());
      // Keep the checksum of the block right, so that the damage gets through.
      std::size_t block = at / 512 * 512;
      std::fill_n(bad.begin() + static_cast<std::ptrdiff_t>(block) + 148, 8, ' ');
      unsigned sum = 0;
      for (std::size_t i = block; i < block + 512; ++i) sum += static_cast<unsigned char>(bad[i]);
      std::snprintf(&bad[block + 148], 8, "%06o", sum);
      try {
        util::StringReader from(bad);
        util::TarReader tar(from);
        while (std::optional<TarEntry> entry = tar.next()) {
          std::byte buffer[4096];
          for (int i = 0; i < 100 && tar.content().read(buffer) != 0; ++i) {
          }
        }
      } catch (const util::Error&) {
      }
    }
  }
}
