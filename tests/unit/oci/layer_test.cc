#include "oci/layer.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "tests/support/listing_text.h"
#include "util/error.h"
#include "util/tar.h"

namespace {

using oci::LayerEntry;
using util::FileType;

LayerEntry node(FileType type, const std::string& path) {
  LayerEntry entry;
  entry.path = path;
  entry.type = type;
  entry.mode = type == FileType::directory ? 0755 : 0644;
  return entry;
}

LayerEntry file(const std::string& path, const std::string& content) {
  LayerEntry entry = node(FileType::regular, path);
  entry.size = content.size();
  entry.content = util::sha256_of(content);
  return entry;
}

LayerEntry marker(LayerEntry::Kind kind, const std::string& path) {
  LayerEntry entry = node(kind == LayerEntry::Kind::opaque ? FileType::directory : FileType::regular, path);
  entry.kind = kind;
  return entry;
}

/// One entry of every kind, sorted.
std::vector<LayerEntry> all_kinds() {
  LayerEntry device = node(FileType::block_device, "dev/sda");
  device.device_major = 8;
  device.device_minor = 1;
  LayerEntry first = file("dir/first", "content");
  first.uid = 1000;
  first.gid = 4000000000U;
  first.mtime = 1700000000LL * 1'000'000'000;
  first.xattrs.edit() = {{"user.a", std::string("\0\xff", 2)}, {"user.b", ""}};
  LayerEntry link = first;
  link.path = "dir/second";
  link.hard_link = "dir/first";
  LayerEntry symlink = node(FileType::symlink, "link");
  symlink.link_target = "/etc/caf\xe9";
  symlink.mtime = -7'000'000'000;
  return {node(FileType::directory, "dev"),
          device,
          node(FileType::directory, "dir"),
          first,
          link,
          marker(LayerEntry::Kind::whiteout, "gone"),
          symlink,
          marker(LayerEntry::Kind::opaque, "new"),
          node(FileType::fifo, "pipe")};
}

std::string write_layer(const std::vector<LayerEntry>& entries, const std::string& content = "content") {
  util::StringWriter out;
  oci::LayerWriter writer(out);
  for (const LayerEntry& entry : entries) {
    util::StringReader reader(content);
    writer.add(entry, entry.is_file() && entry.hard_link.empty() && entry.size != 0 ? &reader : nullptr);
  }
  writer.finish();
  return out.take();
}

std::vector<LayerEntry> read(const std::string& tar) {
  util::StringReader from(tar);
  std::vector<LayerEntry> entries;
  oci::read_layer(from, [&](LayerEntry& entry, util::Reader* content) {
    CHECK((content != nullptr) == (entry.is_file() && entry.hard_link.empty()));
    if (content != nullptr) entry.content = util::sha256_of(util::read_all(*content));
    entries.push_back(entry);
  });
  return entries;
}

/// Names in a tar stream as they are.
std::vector<std::string> names(const std::string& tar) {
  util::StringReader from(tar);
  util::TarReader reader(from);
  std::vector<std::string> result;
  while (auto entry = reader.next()) result.push_back(entry->path);
  return result;
}

std::string tar_of(const std::vector<util::TarEntry>& entries) {
  util::StringWriter out;
  util::TarWriter writer(out);
  for (const util::TarEntry& entry : entries) writer.add(entry);
  writer.finish();
  return out.take();
}

/// A tar of empty files (or, with a slash at the end, directories) of these names.
std::string tar_of_names(const std::vector<std::string>& paths) {
  std::vector<util::TarEntry> entries;
  for (const std::string& path : paths) {
    util::TarEntry entry;
    entry.path = path;
    entry.type = path.ends_with('/') ? FileType::directory : FileType::regular;
    entries.push_back(entry);
  }
  return tar_of(entries);
}

std::string tar_of_hard_link(const std::string& target) {
  util::TarEntry entry;
  entry.path = "link";
  entry.hard_link = true;
  entry.link_target = target;
  return tar_of({entry});
}

}  // namespace

TEST_CASE("a directory sorts right before what is below it") {
  std::vector<std::string> paths = {"b", "a.txt", "a/c/d", "a", "a-b", "a/c", "a\xff", "a/b"};
  std::sort(paths.begin(), paths.end(), oci::path_less);
  CHECK(paths == std::vector<std::string>{"a", "a/b", "a/c", "a/c/d", "a-b", "a.txt", "a\xff", "b"});
  CHECK_FALSE(oci::path_less("a", "a"));
}

TEST_CASE("a layer is read as it was written") {
  std::vector<LayerEntry> entries = all_kinds();
  std::vector<LayerEntry> back = read(write_layer(entries));
  // The directory comes by itself before its opaque marker.
  REQUIRE(back.size() == entries.size() + 1);
  CHECK(back[7].kind == LayerEntry::Kind::node);
  CHECK(back[7].path == "new");
  back.erase(back.begin() + 7);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    CAPTURE(entries[i].path);
    CHECK(back[i].kind == entries[i].kind);
    CHECK(back[i].path == entries[i].path);
    CHECK(back[i].hard_link == entries[i].hard_link);
    CHECK(back[i].link_target == entries[i].link_target);
    CHECK(back[i].device_major == entries[i].device_major);
    if (entries[i].kind != LayerEntry::Kind::node) continue;
    CHECK(back[i].type == entries[i].type);
    CHECK(back[i].mode == entries[i].mode);
    CHECK(back[i].uid == entries[i].uid);
    CHECK(back[i].gid == entries[i].gid);
    CHECK(back[i].mtime == entries[i].mtime);
    if (!entries[i].hard_link.empty()) continue;
    CHECK(back[i].content == entries[i].content);
    CHECK(back[i].xattrs == entries[i].xattrs);
  }
}

TEST_CASE("whiteouts and opaque directories have the names of the specification") {
  CHECK(names(write_layer({marker(LayerEntry::Kind::whiteout, "a/b"), marker(LayerEntry::Kind::opaque, "c/d"),
                           marker(LayerEntry::Kind::whiteout, "e")})) ==
        std::vector<std::string>{"a/.wh.b", "c/d/", "c/d/.wh..wh..opq", ".wh.e"});
}

TEST_CASE("content of another length than announced is an error that names the file") {
  LayerEntry entry = file("some/file", "content");
  CHECK_THROWS_WITH_AS(write_layer({entry}, "conten"), doctest::Contains("`some/file`"), util::Error);
  CHECK_THROWS_WITH_AS(write_layer({entry}, "content!"), doctest::Contains("more"), util::Error);
  CHECK_THROWS_AS(write_layer({file("d/.wh.x", "")}), util::Error);
}

TEST_CASE("names in archives are made clean and relative") {
  std::vector<std::string> paths;
  for (const LayerEntry& entry : read(tar_of_names({"./", "/", "./a/", "a//b", "/abs", "a/./c", "a/x/../d"}))) {
    paths.push_back(entry.path);
  }
  CHECK(paths == std::vector<std::string>{"a", "a/b", "abs", "a/c", "a/d"});
}

TEST_CASE("names that lead out of the image are refused") {
  for (const char* name : {"..", "../x", "a/../../x", "/../x", "./../x"}) {
    CHECK_THROWS_AS(read(tar_of_names({name})), util::Error);
  }
  for (const char* target : {"../x", "/", ""}) CHECK_THROWS_AS(read(tar_of_hard_link(target)), util::Error);
}

TEST_CASE("hard link targets are made clean like names") {
  CHECK(read(tar_of_hard_link("/./a//b")).at(0).hard_link == "a/b");
}

TEST_CASE("markers of other tools are recognised or left out") {
  std::vector<LayerEntry> entries = read(tar_of_names(
      {".wh..wh.aufs", ".wh..wh.plnk/", ".wh..wh.plnk/12.34", "d/.wh..wh.orph/x", "d/.wh..gone", "d/.wh..wh..opq"}));
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].kind == LayerEntry::Kind::whiteout);
  CHECK(entries[0].path == "d/.gone");
  CHECK(entries[1].kind == LayerEntry::Kind::opaque);
  CHECK(entries[1].path == "d");
  CHECK(entries[1].is_directory());
  for (const char* name : {".wh.", "a/.wh..", "a/.wh...", ".wh..wh..opq"}) {
    CHECK_THROWS_AS(read(tar_of_names({name})), util::Error);
  }
}

TEST_CASE("a listing comes back from its binary form") {
  std::vector<LayerEntry> entries = all_kinds();
  std::vector<LayerEntry> back = oci::decode_listing(test::listing_text(entries));
  CHECK(test::listing_text(back) == test::listing_text(entries));
  REQUIRE(back.size() == entries.size());
  CHECK(back[3].content == entries[3].content);
  CHECK(back[3].xattrs == entries[3].xattrs);
  CHECK(back[3].mtime == entries[3].mtime);
  CHECK(back[4].hard_link == "dir/first");
  CHECK(back[4].size == 7);
  CHECK(back[6].mtime == entries[6].mtime);
  CHECK(oci::decode_listing(test::listing_text({})).empty());
}

TEST_CASE("a damaged listing is an error") {
  std::string data = test::listing_text(all_kinds());
  for (std::size_t i = 0; i < data.size(); ++i) {
    std::string bad = data;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    CHECK_THROWS_AS(oci::decode_listing(bad), util::Error);
    CHECK_THROWS_AS(oci::decode_listing(data.substr(0, i)), util::Error);
  }
}

TEST_CASE("a layer id depends on everything but times") {
  const std::vector<LayerEntry> entries = all_kinds();
  const util::Digest id = oci::canonical_digest(entries);
  auto changed = [&](std::size_t index, auto change) {
    std::vector<LayerEntry> other = entries;
    change(other[index]);
    return oci::canonical_digest(other) != id;
  };
  CHECK_FALSE(changed(3, [](LayerEntry& e) { e.mtime += 1; }));
  CHECK_FALSE(changed(5, [](LayerEntry& e) { e.mode = e.uid = 3; }));
  CHECK(changed(3, [](LayerEntry& e) { e.path = "dir/firsu"; }));
  CHECK(changed(3, [](LayerEntry& e) { e.mode = 0600; }));
  CHECK(changed(3, [](LayerEntry& e) { e.uid = 0; }));
  CHECK(changed(3, [](LayerEntry& e) { e.gid = 0; }));
  CHECK(changed(3, [](LayerEntry& e) { e.content = util::sha256_of("CONTENT"); }));
  CHECK(changed(3, [](LayerEntry& e) { e.xattrs.edit().erase("user.b"); }));
  CHECK(changed(4, [](LayerEntry& e) { e.hard_link = "dir"; }));
  CHECK(changed(1, [](LayerEntry& e) { e.device_minor = 2; }));
  CHECK(changed(6, [](LayerEntry& e) { e.link_target.edit() += "x"; }));
  CHECK(changed(7, [](LayerEntry& e) { e.kind = LayerEntry::Kind::node; }));
}

TEST_CASE("the recipe of the layer id is fixed") {
  CHECK(oci::canonical_digest({}) == util::sha256_of("layer/1\n"));
  CHECK(oci::canonical_digest(all_kinds()).to_string() ==
        "sha256:3c85acbcbc4b84dfd7633499ea62858584322a779b73ea2b760f75e9ed52c7a7");
}
