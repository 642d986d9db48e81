#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "oci/image_layout.h"
#include "tests/unit/exporter/fixture.h"
#include "util/error.h"

using test::a_file;
using test::ExportFixture;

TEST_CASE("an OCI archive has layout, index and blobs") {
  ExportFixture fixture;
  std::filesystem::path file = fixture.dir / "out/app.tar";
  auto request = fixture.request("type=oci,dest=" + file.string(), {fixture.layer({a_file("a")}, {{"a", "x"}})},
                                 {"me/x:1", "other"});
  exporter::ExportReport report = fixture.run(request);
  std::map<std::string, std::string> members = test::archive_members(file);
  CHECK(members.at("oci-layout") == R"({"imageLayoutVersion":"1.0.0"})");
  CHECK_FALSE(members.contains("manifest.json"));
  CHECK(members.contains("blobs/sha256/" + std::string(report.descriptor->digest.hex())));
  CHECK(members.size() == 2 + 3 + 2);

  oci::ImageIndex index = oci::image_index_from_json(members.at("index.json"));
  REQUIRE(index.manifests.size() == 2);
  const oci::Descriptor& entry = index.manifests[0];
  CHECK(entry.digest == report.descriptor->digest);
  CHECK(entry.platform->to_string() == "linux/amd64");
  CHECK(entry.annotations.at("io.containerd.image.name") == "docker.io/me/x:1");
  CHECK(entry.annotations.at("org.opencontainers.image.ref.name") == "1");
  CHECK(entry.annotations.contains("org.opencontainers.image.created"));
  CHECK_FALSE(entry.annotations.contains("config.digest"));
  CHECK(index.manifests[1].annotations.at("io.containerd.image.name") == "docker.io/library/other:latest");
  CHECK(fixture.progress.has("exporting to oci image format"));
  CHECK(fixture.progress.has("sending tarball"));
}

TEST_CASE("archives of the same image are the same") {
  ExportFixture fixture;
  cache::LayerId layer = fixture.layer({a_file("a")}, {{"a", "x"}});
  for (const char* name : {"1.tar", "2.tar"})
    fixture.run(fixture.request("type=docker,dest=" + (fixture.dir / name).string(), {layer}, {"x"}));
  CHECK(util::read_file(fixture.dir / "1.tar") == util::read_file(fixture.dir / "2.tar"));
}

TEST_CASE("a docker archive says what docker load has to read") {
  ExportFixture fixture;
  std::filesystem::path file = fixture.dir / "app.tar";
  auto request =
      fixture.request("type=docker,dest=" + file.string(), {fixture.layer({a_file("a")}, {{"a", "x"}})}, {"me/x:1"});
  exporter::ExportReport report = fixture.run(request);
  std::map<std::string, std::string> members = test::archive_members(file);
  nlohmann::json manifest = nlohmann::json::parse(members.at("manifest.json"));
  REQUIRE(manifest.size() == 1);
  CHECK(manifest[0]["Config"] == "blobs/sha256/" + std::string(report.config_digest.hex()));
  CHECK(manifest[0]["RepoTags"] == nlohmann::json::array({"me/x:1"}));
  REQUIRE(manifest[0]["Layers"].size() == 1);
  CHECK(members.contains(manifest[0]["Layers"][0].get<std::string>()));
  CHECK(fixture.progress.has("exporting to docker image format"));
}

TEST_CASE("a docker archive holds one platform only") {
  ExportFixture fixture;
  auto request = fixture.request("type=docker,dest=" + (fixture.dir / "x.tar").string(), {});
  request.images.push_back(request.images[0]);
  CHECK_THROWS_WITH_AS(fixture.run(request), doctest::Contains("one platform only"), util::Error);
}

TEST_CASE("a directory becomes an image layout that others can read") {
  ExportFixture fixture;
  std::filesystem::path path = fixture.dir / "layout";
  auto request = fixture.request("type=oci,tar=false,dest=" + path.string() + "/",
                                 {fixture.layer({a_file("a")}, {{"a", "x"}})}, {"me/x:1"});
  exporter::ExportReport report = fixture.run(request);
  oci::ImageLayout layout(path);
  CHECK(layout.find("1", {}).digest == report.descriptor->digest);
  oci::Manifest manifest = oci::manifest_from_json(layout.read_blob(*report.descriptor));
  CHECK(std::filesystem::exists(layout.blob_path(manifest.layers.at(0).digest)));
  CHECK_FALSE(std::filesystem::exists(path / "manifest.json"));
}

TEST_CASE("an image is added to a layout that exists; a name moves to the new image") {
  ExportFixture fixture;
  std::string output = "type=oci,tar=false,dest=" + (fixture.dir / "layout").string();
  fixture.run(fixture.request(output, {fixture.layer({a_file("a")}, {{"a", "x"}})}, {"app:1"}));
  fixture.run(fixture.request(output, {fixture.layer({a_file("a")}, {{"a", "y"}})}, {"app:2"}));
  exporter::ExportReport last =
      fixture.run(fixture.request(output, {fixture.layer({a_file("a")}, {{"a", "z"}})}, {"app:1"}));
  oci::ImageLayout layout(fixture.dir / "layout");
  CHECK(layout.index().manifests.size() == 2);
  CHECK(layout.find("1", {}).digest == last.descriptor->digest);
  CHECK(layout.find("2", {}).digest != last.descriptor->digest);
}

TEST_CASE("a failing export leaves the old archive") {
  ExportFixture fixture;
  fixture.dir.write("app.tar", "old");
  cache::LayerId layer = fixture.layer({a_file("a")}, {{"a", "x"}});
  util::Digest blob = fixture.cache.layers().blob(layer, {}, true).descriptor.digest;
  auto request = fixture.request("type=oci,dest=" + (fixture.dir / "app.tar").string(), {layer});
  std::filesystem::resize_file(fixture.cache.content().path(blob), 5);
  CHECK_THROWS_AS(fixture.run(request), util::Error);
  CHECK(util::read_file(fixture.dir / "app.tar") == "old");
}
