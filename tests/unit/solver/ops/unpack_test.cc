#include "solver/ops/unpack.h"

#include <doctest/doctest.h>

#include "tests/support/memory_files.h"
#include "util/compression.h"
#include "util/error.h"
#include "util/tar.h"

using test::show;
using Lines = std::vector<std::string>;

namespace {

util::TarEntry member(const std::string& path, util::FileType type = util::FileType::regular,
                      std::uint32_t mode = 0644) {
  util::TarEntry entry;
  entry.path = path;
  entry.type = type;
  entry.mode = mode;
  entry.uid = 3;
  entry.gid = 4;
  entry.mtime = 1'200'000'000'000'000'000;
  return entry;
}
util::TarEntry link(const std::string& path, const std::string& target, bool hard) {
  util::TarEntry entry = member(path, hard ? util::FileType::regular : util::FileType::symlink);
  entry.hard_link = hard;
  entry.link_target = target;
  return entry;
}

std::string archive(const std::vector<util::TarEntry>& members) {
  util::StringWriter text;
  util::TarWriter tar(text);
  for (util::TarEntry entry : members) {
    const bool has_content = entry.type == util::FileType::regular && !entry.hard_link;
    entry.size = has_content ? entry.path.size() : 0;
    tar.add(entry);
    if (has_content) tar.write(util::as_bytes(entry.path));
  }
  tar.finish();
  return text.take();
}

struct Scene {
  std::shared_ptr<cache::MemoryTree> base = std::make_shared<cache::MemoryTree>();
  ops::LayerPlan plan{base};

  bool unpack(const std::string& text, const std::string& destination = "/out",
              std::optional<ops::UserIds> owner = std::nullopt) {
    cache::MemoryTree source;
    source.add(test::file("t"), text);
    ops::Spool spool{std::filesystem::path()};
    return unpack_archive(plan, source, "t", destination, owner, spool, {});
  }
};

constexpr auto kDirectory = util::FileType::directory;

}  // namespace

TEST_CASE("an archive is unpacked into the destination, missing directories are root's") {
  Scene scene;
  CHECK(scene.unpack(archive({member("dir/", kDirectory, 0750), member("dir/f"), member("dir/sub/implied"),
                              link("dir/s", "f", false), link("dir/h", "dir/f", true)})));
  CHECK(show(*scene.plan.changes()) == Lines{"d 755 0:0 out", "d 750 3:4 out/dir", "f 644 3:4 out/dir/f",
                                            "h out/dir/h = out/dir/f", "l out/dir/s -> f", "d 755 0:0 out/dir/sub",
                                            "f 644 3:4 out/dir/sub/implied"});
  CHECK(util::read_all(*scene.plan.open("out/dir/sub/implied")) == "dir/sub/implied");
  CHECK(scene.plan.find("out/dir/f")->content == util::sha256_of("dir/f"));
}

TEST_CASE("compressed archives are recognised by their magic") {
  for (const auto compression : {util::Compression::gzip, util::Compression::zstd}) {
    util::StringWriter text;
    const auto compressor = util::make_compressor(compression, std::nullopt, text);
    compressor->write(util::as_bytes(archive({member("f")})));
    compressor->finish();
    Scene scene;
    CHECK(scene.unpack(text.take()));
    CHECK(scene.plan.find("out/f"));
  }
}

TEST_CASE("what is no archive is left to be copied") {
  Scene scene;
  for (const std::string& text : {std::string("text"), std::string(), std::string(5000, 'x'),
                                  std::string("\x1f\x8b broken"), std::string(1024, '\0')}) {
    CHECK_FALSE(scene.unpack(text));
  }
  CHECK(scene.plan.changes()->size() == 0);
}

TEST_CASE("existing directories are merged and take the archive's metadata, other things are replaced") {
  Scene scene;
  scene.base->add(test::directory("out/dir", 0700));
  scene.base->add(test::file("out/dir/kept"), "k");
  scene.base->add(test::directory("out/thing/inner"));
  scene.base->add(test::file("out/becomes-dir"), "");
  CHECK(scene.unpack(archive({member("dir/", kDirectory, 0711), member("thing"), member("becomes-dir/", kDirectory)})));
  CHECK(scene.plan.find("out/dir")->mode == 0711);
  CHECK(scene.plan.find("out/dir/kept"));
  CHECK(scene.plan.find("out/thing")->is_file());
  CHECK(scene.plan.find("out/becomes-dir")->is_directory());
}

TEST_CASE("directories on the way are followed through absolute links inside the root") {
  Scene scene;
  scene.base->add(test::directory("run"));
  scene.base->add(test::symlink("var/run", "/run"));
  CHECK(scene.unpack(archive({member("var/run/act/f"), link("var/run/act/g", "var/run/act/f", true)}), "/"));
  CHECK(show(*scene.plan.changes()) ==
        Lines{"d 755 0:0 run", "d 755 0:0 run/act", "f 644 3:4 run/act/f", "h run/act/g = run/act/f"});
}

TEST_CASE("an owner overrides those of the archive and of implied directories") {
  Scene scene;
  CHECK(scene.unpack(archive({member("a/f")}), "/out", ops::UserIds{8, 9}));
  CHECK(show(*scene.plan.changes()) == Lines{"d 755 8:9 out", "d 755 8:9 out/a", "f 644 8:9 out/a/f"});
}

TEST_CASE("of the extended attributes, capabilities are kept") {
  Scene scene;
  util::TarEntry entry = member("f");
  entry.xattrs = {{"security.capability", "cap"}, {"user.note", "n"}};
  CHECK(scene.unpack(archive({entry})));
  CHECK(scene.plan.find("out/f")->xattrs == std::map<std::string, std::string>{{"security.capability", "cap"}});
}

TEST_CASE("the directory itself in an archive does not change the destination") {
  Scene scene;
  scene.base->add(test::directory("out", 0700));
  CHECK(scene.unpack(archive({member("./", kDirectory, 0777), member("./f")})));
  CHECK(show(*scene.plan.changes()) == Lines{"d 700 0:0 out", "f 644 3:4 out/f"});
}

TEST_CASE("names that leave the destination and broken hard links are refused") {
  Scene scene;
  CHECK_THROWS_WITH_AS(scene.unpack(archive({member("a/../../x")})),
                       "unpack `/t`: member `a/../../x` lies outside the archive's directory", util::Error);
  CHECK_THROWS_AS(scene.unpack(archive({member("f"), link("h", "../../etc/passwd", true)})), util::Error);
  CHECK_THROWS_AS(scene.unpack(archive({member("f"), link("h", "nothing", true)})), util::Error);
}

TEST_CASE("an archive cut off behind its first header is an error") {
  Scene scene;
  const std::string text = archive({member("f"), member("g")});
  CHECK_THROWS_AS(scene.unpack(text.substr(0, 1024 + 200)), util::Error);
}
