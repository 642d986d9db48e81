#include <doctest/doctest.h>
#include <sys/stat.h>

#include "tests/unit/exporter/fixture.h"
#include "util/error.h"

using test::a_directory;
using test::a_file;
using test::a_link;
using test::a_whiteout;
using test::ExportFixture;
using util::FileType;

namespace {

// Reading files unpacks layers, which belong to root.
bool can_unpack() {
  if (geteuid() == 0) return true;
  MESSAGE("SKIP: layers are unpacked as root only");
  return false;
}

oci::LayerEntry a_hard_link(const std::string& path, const std::string& first) {
  oci::LayerEntry entry = a_file(path, 04755);
  entry.hard_link = first;
  return entry;
}

/// Two layers: the upper one deletes, replaces and adds.
std::vector<cache::LayerId> two_layers(ExportFixture& fixture) {
  return {fixture.layer({a_directory("bin", 0555), a_file("bin/su", 04755), a_file("bin/sv", 0755),
                         a_hard_link("bin/sw", "bin/su"), a_file("gone"), a_link("link", "bin/su"),
                         test::export_entry(FileType::fifo, "pipe", 0600)},
                        {{"bin/su", "setuid"}, {"bin/sv", "old"}, {"gone", "gone"}}),
          fixture.layer({a_file("bin/sv", 0700), a_whiteout("gone"), a_directory("caf\xc3\xa9")}, {{"bin/sv", "new"}})};
}

void add_platform(exporter::ExportRequest& request, const std::string& platform) {
  request.images.push_back(request.images[0]);
  request.images.back().platform = oci::Platform::parse(platform);
}

std::uint32_t mode_of(const std::filesystem::path& path) {
  return util::stat_at(-100, path.string()).mode;
}

}  // namespace

TEST_CASE("a tar is the merged root file system") {
  if (!can_unpack()) return;
  ExportFixture fixture;
  std::filesystem::path file = fixture.dir / "root.tar";
  fixture.run(fixture.request("type=tar,dest=" + file.string(), two_layers(fixture)));
  CHECK(test::archive_members(file) == std::map<std::string, std::string>{{"bin/", ""},
                                                                          {"bin/su", "setuid"},
                                                                          {"bin/sv", "new"},
                                                                          {"bin/sw", "-> bin/su"},
                                                                          {"caf\xc3\xa9/", ""},
                                                                          {"link", "-> bin/su"},
                                                                          {"pipe", ""}});
}

TEST_CASE("a hard link whose first name was replaced by an upper layer is a file of its own") {
  if (!can_unpack()) return;
  ExportFixture fixture;
  std::vector<cache::LayerId> layers = two_layers(fixture);
  layers.push_back(fixture.layer({a_file("bin/su")}, {{"bin/su", "other"}}));
  std::filesystem::path file = fixture.dir / "root.tar";
  fixture.run(fixture.request("type=tar,dest=" + file.string(), layers));
  std::map<std::string, std::string> members = test::archive_members(file);
  CHECK(members.at("bin/su") == "other");
  CHECK(members.at("bin/sw") == "setuid");
}

TEST_CASE("several platforms have a directory each, unless they are merged") {
  if (!can_unpack()) return;
  ExportFixture fixture;
  std::filesystem::path file = fixture.dir / "root.tar";
  auto request = fixture.request("type=tar,dest=" + file.string(),
                                 {fixture.layer({a_directory("d"), a_file("d/f")}, {{"d/f", "x"}})});
  add_platform(request, "linux/arm/v7");
  fixture.run(request);
  std::map<std::string, std::string> members = test::archive_members(file);
  CHECK(members.at("linux_amd64/d/f") == "x");
  CHECK(members.at("linux_arm_v7/d/f") == "x");
  request.output = exporter::parse_output("type=tar,platform-split=false,dest=" + file.string());
  CHECK_THROWS_WITH_AS(fixture.run(request), doctest::Contains("`/d/f`"), util::Error);
  request.images[1].layers = {fixture.layer({a_directory("d"), a_file("d/g")}, {{"d/g", "y"}})};
  fixture.run(request);
  members = test::archive_members(file);
  CHECK(members.at("d/f") == "x");
  CHECK(members.at("d/g") == "y");
}

TEST_CASE("an epoch is the time of all files") {
  if (!can_unpack()) return;
  ExportFixture fixture;
  auto request = fixture.request("type=local,dest=" + (fixture.dir / "out").string(), two_layers(fixture));
  request.images[0].source_date_epoch = 77;
  fixture.run(request);
  CHECK(util::stat_at(-100, (fixture.dir / "out/bin/su").string()).mtime == 77'000'000'000);
  CHECK(util::stat_at(-100, (fixture.dir / "out/bin").string()).mtime == 77'000'000'000);
  CHECK(util::stat_at(-100, (fixture.dir / "out/link").string()).mtime == 77'000'000'000);
}

TEST_CASE("a directory gets the files with their modes and links") {
  if (!can_unpack()) return;
  ExportFixture fixture;
  std::filesystem::path out = fixture.dir / "new/out";
  fixture.run(fixture.request("type=local,dest=" + out.string(), two_layers(fixture)));
  CHECK(util::read_file(out / "bin/su") == "setuid");
  CHECK(util::read_file(out / "bin/sv") == "new");
  CHECK(mode_of(out / "bin/su") == 04755);
  CHECK(mode_of(out / "bin") == 0555);
  CHECK(mode_of(out / "pipe") == 0600);
  CHECK(std::filesystem::read_symlink(out / "link") == "bin/su");
  CHECK(std::filesystem::hard_link_count(out / "bin/su") == 2);
  CHECK(util::stat_at(-100, (out / "bin/su").string()).mtime == 1'600'000'000'000'000'000);
  CHECK_FALSE(std::filesystem::exists(out / "gone"));
}

TEST_CASE("what is in a directory stays, what has the same name is replaced, links are not followed") {
  if (!can_unpack()) return;
  ExportFixture fixture;
  fixture.dir.write("outside/keep", "outside");
  fixture.dir.write("out/mine", "mine");
  fixture.dir.write("out/link/sub/file", "a directory in the way");
  std::filesystem::create_directory_symlink(fixture.dir / "outside", fixture.dir / "out/bin");
  std::filesystem::create_symlink(fixture.dir / "outside/keep", fixture.dir / "out/pipe");
  auto request = fixture.request("type=local,dest=" + (fixture.dir / "out").string(), two_layers(fixture));
  fixture.run(request);
  fixture.run(request);
  CHECK(util::read_file(fixture.dir / "out/mine") == "mine");
  CHECK(util::read_file(fixture.dir / "outside/keep") == "outside");
  CHECK(std::distance(std::filesystem::directory_iterator(fixture.dir / "outside"), {}) == 1);
  CHECK_FALSE(std::filesystem::is_symlink(fixture.dir / "out/bin"));
  CHECK(std::filesystem::is_symlink(fixture.dir / "out/link"));
  CHECK(std::filesystem::is_fifo(fixture.dir / "out/pipe"));
  CHECK(std::distance(std::filesystem::directory_iterator(fixture.dir / "out/bin"), {}) == 3);
}

TEST_CASE("mode=delete takes away what the result does not have") {
  if (!can_unpack()) return;
  ExportFixture fixture;
  fixture.dir.write("out/mine", "mine");
  fixture.dir.write("out/bin/mine", "mine");
  fixture.run(fixture.request("type=local,mode=delete,dest=" + (fixture.dir / "out").string(), two_layers(fixture)));
  CHECK_FALSE(std::filesystem::exists(fixture.dir / "out/mine"));
  CHECK_FALSE(std::filesystem::exists(fixture.dir / "out/bin/mine"));
  CHECK(std::filesystem::exists(fixture.dir / "out/bin/su"));
}

TEST_CASE("an empty result is an empty archive or directory") {
  ExportFixture fixture;
  fixture.run(fixture.request("type=tar,dest=" + (fixture.dir / "x.tar").string(), {}));
  CHECK(test::archive_members(fixture.dir / "x.tar").empty());
  fixture.run(fixture.request("type=local,dest=" + (fixture.dir / "out").string(), {}));
  CHECK(std::filesystem::is_empty(fixture.dir / "out"));
}
