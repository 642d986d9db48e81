#include "cache/layer_directory.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tests/unit/cache/fixture.h"
#include "util/error.h"

using test::directory_entry;
using test::file_entry;
using test::link_entry;
using test::whiteout_entry;

namespace {

struct Target {
  test::TestDir directory;
  std::filesystem::path root = directory / "fs";
  Target() { std::filesystem::create_directories(root); }

  cache::LayerDirectoryWriter::Output write(const std::vector<std::pair<oci::LayerEntry, std::string>>& entries) {
    cache::LayerDirectoryWriter writer(root, cache::directory_form());
    for (const auto& [entry, content] : entries) {
      if (entry.kind == oci::LayerEntry::Kind::opaque) {
        writer.add_opaque_marker(entry.path);
        continue;
      }
      util::StringReader reader(content);
      writer.add(entry, entry.is_file() && entry.hard_link.empty() ? &reader : nullptr);
    }
    return writer.finish();
  }
};

oci::LayerEntry opaque_marker(const std::string& path) {
  oci::LayerEntry entry;
  entry.kind = oci::LayerEntry::Kind::opaque;
  entry.path = path;
  return entry;
}

oci::LayerEntry hard_link(const std::string& path, const std::string& target) {
  oci::LayerEntry entry = file_entry(path, "");
  entry.hard_link = target;
  return entry;
}

std::string names(const std::vector<oci::LayerEntry>& entries) {
  std::string text;
  for (const oci::LayerEntry& entry : entries) {
    text += (text.empty() ? "" : " ") + entry.path;
    if (entry.kind == oci::LayerEntry::Kind::whiteout) text += "(deleted)";
    if (entry.kind == oci::LayerEntry::Kind::opaque) text += "(opaque)";
    if (!entry.hard_link.empty()) text += "=" + *entry.hard_link;
  }
  return text;
}

std::pair<oci::LayerEntry, std::string> file(const std::string& path, const std::string& content,
                                             std::uint32_t mode = 0644) {
  return {file_entry(path, content, mode), content};
}

}  // namespace

TEST_CASE("what is written into a layer directory is found by a scan") {
  Target target;
  oci::LayerEntry owned = file_entry("d/f", "hello", 04750);
  if (::geteuid() == 0) owned.uid = 12, owned.gid = 34;
  owned.xattrs.edit()["user.note"] = "x";
  oci::LayerEntry fifo = file_entry("pipe", "");
  fifo.type = util::FileType::fifo;
  auto output = target.write({{directory_entry("d", 0750), ""},
                              {owned, "hello"},
                              {link_entry("l", "d/f"), ""},
                              {fifo, ""},
                              {whiteout_entry("gone"), ""},
                              {hard_link("d/again", "d/f"), ""},
                              {opaque_marker("d"), ""}});
  CHECK(names(output.entries) == "d(opaque) d/again d/f=d/again gone(deleted) l pipe");
  CHECK(output.entries[2].content == util::sha256_of("hello"));
  CHECK(output.entries[1].content == util::sha256_of("hello"));
  CHECK(output.size == 5);
  CHECK(output.implied.empty());
  std::vector<oci::LayerEntry> found = cache::scan_layer_directory(target.root);
  CHECK(names(found) == names(output.entries));
  for (std::size_t i = 0; i != found.size(); ++i) {
    CAPTURE(found[i].path);
    if (found[i].kind == oci::LayerEntry::Kind::whiteout) continue;
    if (cache::directory_form().keeps_owners) {
      CHECK(found[i].mode == output.entries[i].mode);
      CHECK(found[i].uid == output.entries[i].uid);
      CHECK(found[i].gid == output.entries[i].gid);
    }
    CHECK(found[i].mtime == output.entries[i].mtime);
    CHECK(found[i].xattrs == output.entries[i].xattrs);
    CHECK(found[i].link_target == output.entries[i].link_target);
  }
}

TEST_CASE("directories that nothing speaks of are made and named") {
  Target target;
  auto output = target.write({file("a/b/c", "x"), {directory_entry("a/b", 0700), ""}});
  CHECK(names(output.entries) == "a/b a/b/c");
  CHECK(output.implied == std::vector<std::string>{"a"});
}

TEST_CASE("of two entries with the same path the later one counts") {
  Target target;
  auto output = target.write({file("a", "1"),
                              file("a", "22"),
                              {directory_entry("d"), ""},
                              file("d/x", "3"),
                              file("d", "444"),
                              file("e", "5"),
                              {directory_entry("e"), ""},
                              file("e/y", "6")});
  CHECK(names(output.entries) == "a d e e/y");
  CHECK(test::read_text(target.root / "a") == "22");
  CHECK(test::read_text(target.root / "d") == "444");
  CHECK(test::read_text(target.root / "e/y") == "6");
}

TEST_CASE("something deleted and made again in one layer hides what is below it") {
  Target target;
  auto output = target.write({{whiteout_entry("d"), ""},
                              {directory_entry("d"), ""},
                              {whiteout_entry("f"), ""},
                              file("f", "1"),
                              {directory_entry("g"), ""},
                              {whiteout_entry("g"), ""},
                              {whiteout_entry("h"), ""},
                              file("h/x", "2")});
  CHECK(names(output.entries) == "d(opaque) f g(opaque) h(opaque) h/x");
  CHECK(names(cache::scan_layer_directory(target.root)) == names(output.entries));
}

TEST_CASE("an opaque marker may come before its directory, after it, or alone") {
  Target target;
  auto output = target.write({{opaque_marker("a"), ""},
                              {directory_entry("a", 0700), ""},
                              {directory_entry("b", 0711), ""},
                              {opaque_marker("b"), ""},
                              {opaque_marker("c"), ""}});
  CHECK(names(output.entries) == "a(opaque) b(opaque) c(opaque)");
  CHECK(output.entries[0].mode == 0700);
  CHECK(output.entries[1].mode == 0711);
  CHECK(output.entries[2].mode == 0755);
  CHECK(output.implied.empty());
}

TEST_CASE("links in a layer are followed inside it and never out of it") {
  Target target;
  auto output = target.write({{link_entry("lib", "usr/lib"), ""},
                              {link_entry("out", "../../../../etc"), ""},
                              {link_entry("abs", "/srv"), ""},
                              file("lib/x", "1"),
                              file("out/passwd", "2"),
                              file("abs/y", "3")});
  CHECK(names(output.entries) == "abs etc/passwd lib out srv/y usr/lib/x");
  CHECK(test::read_text(target.root / "etc/passwd") == "2");
  CHECK(test::read_text(target.root / "usr/lib/x") == "1");
}

TEST_CASE("a loop of links in a layer is an error") {
  Target target;
  CHECK_THROWS_AS(target.write({{link_entry("a", "b"), ""}, {link_entry("b", "a"), ""}, file("a/x", "1")}),
                  util::Error);
}

TEST_CASE("a hard link to nothing, and an entry below a file, are errors") {
  Target one;
  CHECK_THROWS_AS(one.write({{hard_link("a", "missing"), ""}}), util::Error);
  Target two;
  CHECK_THROWS_AS(two.write({file("a", "1"), file("a/b", "2")}), util::Error);
}

TEST_CASE("overlayfs attributes in a layer are not taken over") {
  Target target;
  oci::LayerEntry directory = directory_entry("d");
  directory.xattrs.edit() = {
      {"trusted.overlay.redirect", "/etc"}, {"user.overlay.metacopy", ""}, {"security.selinux", "x"}, {"user.ok", "1"}};
  auto output = target.write({{directory, ""}});
  CHECK(output.entries[0].xattrs == std::map<std::string, std::string>{{"user.ok", "1"}});
  CHECK(cache::scan_layer_directory(target.root)[0].xattrs == output.entries[0].xattrs);
}

TEST_CASE("a file that is shorter than its entry says is an error") {
  Target target;
  CHECK_THROWS_AS(target.write({{file_entry("a", "12345"), "123"}}), util::Error);
}

TEST_CASE("the first name of a file is the one that the others refer to, whatever the order in the archive") {
  Target target;
  auto output =
      target.write({file("z", "1"), {hard_link("m", "z"), ""}, {hard_link("a", "m"), ""}, {hard_link("l", "a"), ""}});
  CHECK(names(output.entries) == "a l=a m=a z=a");
}

TEST_CASE("implied directories are kept beside a layer directory") {
  test::TestDir directory;
  std::filesystem::create_directories(directory / "s/fs");
  CHECK(cache::read_implied(directory / "s/fs").empty());
  cache::write_implied(directory / "s/fs", {"a", "a/new\nline"});
  CHECK(cache::read_implied(directory / "s/fs") == std::vector<std::string>{"a", "a/new\nline"});
}

TEST_CASE("sockets are not part of a layer, devices are") {
  if (::geteuid() != 0) return;
  Target target;
  REQUIRE(::mknod((target.root / "socket").c_str(), S_IFSOCK | 0600, 0) == 0);
  if (::mknod((target.root / "null").c_str(), S_IFCHR | 0666, makedev(1, 3)) != 0) return;
  std::vector<oci::LayerEntry> entries = cache::scan_layer_directory(target.root);
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].type == util::FileType::char_device);
  CHECK(entries[0].device_major == 1);
  CHECK(entries[0].device_minor == 3);
}
