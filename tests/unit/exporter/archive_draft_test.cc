#include "exporter/archive_draft.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "exporter/exporter.h"
#include "tests/unit/exporter/fixture.h"
#include "util/error.h"
#include "util/fd.h"

namespace {

using Layers = std::vector<cache::LayerId>;

/// An image that is exported while its layers are made.
struct Draft : test::ExportFixture {
  std::string destination = dir / "out.tar";
  exporter::ExportRequest wanted = request("type=oci,dest=" + destination, {});
  std::unique_ptr<exporter::Exporter> exporter = exporter::make_exporter(wanted.output, services);
  cache::LayerFollower* follower = exporter->follower(wanted);

  std::unique_ptr<cache::BlobMirror> follow(const Layers& below) { return follower->follow(below, {}); }
  /// A layer with one file, made as the next one on `below`.
  cache::LayerId followed(const Layers& below, const std::string& name, const std::string& content) {
    const std::unique_ptr<cache::BlobMirror> mirror = follow(below);
    REQUIRE(mirror != nullptr);
    return file_layer(name, content, mirror.get());
  }
  cache::LayerId file_layer(const std::string& name, const std::string& content, cache::BlobMirror* mirror = nullptr) {
    return layer({test::a_file(name)}, {{name, content}}, mirror);
  }
  /// Ends the export; the archive has to be the one that is written at once.
  void check_archive(const Layers& layers) {
    wanted.images = request("type=oci", layers).images;
    exporter->run(wanted, {});
    run(request("type=oci,dest=" + (dir / "at-once.tar").string(), layers));
    CHECK(util::read_file(destination) == util::read_file(dir / "at-once.tar"));
  }
};

const std::string kText(100'000, 'x');

}  // namespace

TEST_CASE("layers that were written as they were packed give the same archive") {
  Draft draft;
  const cache::LayerId base = draft.file_layer("base", "base");
  const cache::LayerId first = draft.followed({base}, "first", kText);
  CHECK_FALSE(std::filesystem::exists(draft.destination));
  const cache::LayerId between = draft.file_layer("between", "b");
  const cache::LayerId last = draft.followed({base, first, between}, "last", "");
  draft.check_archive({base, first, between, last});
}

TEST_CASE("a layer that is in the image twice is in the archive once") {
  Draft draft;
  const cache::LayerId first = draft.followed({}, "first", kText);
  CHECK(draft.followed({first}, "first", kText) == first);
  const cache::LayerId last = draft.followed({first, first}, "last", "l");
  draft.check_archive({first, first, last});
}

TEST_CASE("what the image does not have after all is not in the archive") {
  Draft draft;
  const cache::LayerId other = draft.followed({}, "other", kText);
  const cache::LayerId first = draft.file_layer("first", "1");
  SUBCASE("at its end") { draft.check_archive({first}); }
  SUBCASE("when the next one is made") { draft.check_archive({first, draft.followed({first}, "second", "2")}); }
  SUBCASE("for it has nothing") { draft.check_archive({}); }
  CHECK(draft.cache.layers().contains(other));
}

TEST_CASE("a layer that fails, or is there already, leaves nothing") {
  Draft draft;
  const cache::LayerId first = draft.followed({}, "first", kText);
  SUBCASE("it fails") {
    const auto mirror = draft.follow({first});
    CHECK_THROWS(draft.layer({test::a_file("x"), test::a_file("x")}, {{"x", "1"}}, mirror.get()));
  }
  SUBCASE("nothing is written") { CHECK(draft.follow({first}) != nullptr); }
  SUBCASE("it is there") {
    oci::LayerEntry entry = test::a_file("second");
    entry.content = util::sha256_of("2");
    const cache::LayerId second = draft.layer({entry}, {{"second", "2"}});
    CHECK(draft.followed({first}, "second", "2") == second);
  }
  SUBCASE("some was written") {
    const auto mirror = draft.follow({first});
    mirror->write(util::as_bytes(kText));
  }
  const cache::LayerId second = draft.followed({first}, "second", "2");
  draft.check_archive({first, second});
}

TEST_CASE("one layer at a time is followed, and only when all below it are packed") {
  Draft draft;
  const cache::LayerId first = draft.file_layer("first", "1");
  CHECK(draft.follow({util::sha256_of("no layer")}) == nullptr);
  {
    const auto mirror = draft.follow({first});
    CHECK(mirror != nullptr);
    CHECK(draft.follow({first}) == nullptr);
  }
  draft.check_archive({first});
}

TEST_CASE("an export may be tried again") {
  Draft draft;
  const cache::LayerId first = draft.followed({}, "first", kText);
  std::filesystem::create_directory(draft.destination);
  CHECK_THROWS_AS(draft.check_archive({first}), util::Error);
  std::filesystem::remove(draft.destination);
  draft.check_archive({first});
}

TEST_CASE("nothing is written early to where it could not be taken back, or would be seen") {
  test::ExportFixture fixture;
  const auto follows = [&](const std::string& output) {
    const exporter::ExportRequest request = fixture.request(output, {});
    const auto exporter = exporter::make_exporter(request.output, fixture.services);
    cache::LayerFollower* const follower = exporter->follower(request);
    return follower != nullptr && follower->follow({}, {}) != nullptr;
  };
  CHECK(follows("type=oci,dest=" + (fixture.dir / "new.tar").string()));
  CHECK(follows("type=docker,dest=" + (fixture.dir / "new.tar").string()));
  CHECK_FALSE(follows("type=oci,dest=-"));
  CHECK_FALSE(follows("type=oci,dest=/dev/null"));
  CHECK_FALSE(follows("type=oci,tar=false,dest=" + (fixture.dir / "new").string()));
  CHECK_FALSE(follows("type=oci,rewrite-timestamp=true,dest=" + (fixture.dir / "new.tar").string()));
  CHECK_FALSE(follows("type=oci,dest=" + (fixture.dir / "missing/new.tar").string()));
  CHECK_FALSE(std::filesystem::exists(fixture.dir / "missing"));
  CHECK_FALSE(follows("type=tar,dest=" + (fixture.dir / "new.tar").string()));
}
