#include "exporter/image_writer.h"

#include <doctest/doctest.h>

#include "tests/unit/exporter/fixture.h"
#include "util/compression.h"
#include "util/error.h"

using test::a_file;
using test::ExportFixture;

namespace {

exporter::WrittenImage write(ExportFixture& fixture, const exporter::ExportRequest& request) {
  util::ProgressTask task(fixture.progress, "exporting");
  return exporter::write_image(request, fixture.cache, false, task, {});
}

oci::Manifest manifest_of(ExportFixture& fixture, const oci::Descriptor& descriptor) {
  return oci::manifest_from_json(fixture.cache.content().read(descriptor.digest));
}

oci::ImageConfig config_of(ExportFixture& fixture, const oci::Descriptor& descriptor) {
  return oci::image_config_from_json(fixture.cache.content().read(descriptor.digest));
}

}  // namespace

TEST_CASE("manifest, config and layers agree") {
  ExportFixture fixture;
  auto request = fixture.request(
      "type=image", {fixture.layer({a_file("a")}, {{"a", "one"}}), fixture.layer({a_file("b")}, {{"b", "two"}})});
  exporter::WrittenImage image = write(fixture, request);
  REQUIRE(image.platforms.size() == 1);
  CHECK(image.descriptor.digest == image.platforms[0].manifest.digest);
  CHECK(image.descriptor.media_type == oci::kOciManifest);
  CHECK(image.descriptor.annotations.at("config.digest") == image.platforms[0].config.digest.to_string());

  oci::Manifest manifest = manifest_of(fixture, image.descriptor);
  CHECK(manifest.config.digest == image.platforms[0].config.digest);
  CHECK(manifest.config.media_type == oci::kOciConfig);
  REQUIRE(manifest.layers.size() == 2);
  CHECK(manifest.layers[0].media_type == "application/vnd.oci.image.layer.v1.tar+gzip");

  oci::ImageConfig config = config_of(fixture, image.platforms[0].config);
  REQUIRE(config.diff_ids.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    auto blob = fixture.cache.content().open(manifest.layers[i].digest);
    CHECK(util::sha256_of(util::read_all(*util::make_decompressor(*blob))) == config.diff_ids[i]);
  }
  CHECK(config.platform.to_string() == "linux/amd64");
  CHECK_FALSE(config.created.empty());
  CHECK(image.descriptor.annotations.at("org.opencontainers.image.created") == config.created);
}

TEST_CASE("the same image is written with the same bytes") {
  ExportFixture fixture;
  auto request = fixture.request("type=image", {fixture.layer({a_file("a")}, {{"a", "one"}})});
  CHECK(write(fixture, request).descriptor.digest == write(fixture, request).descriptor.digest);
}

TEST_CASE("an image without layers can be written") {
  ExportFixture fixture;
  exporter::WrittenImage image = write(fixture, fixture.request("type=image", {}));
  CHECK(manifest_of(fixture, image.descriptor).layers.empty());
  CHECK(config_of(fixture, image.platforms[0].config).created == "1970-01-01T00:00:00Z");
}

TEST_CASE("Docker's media types are used on demand") {
  ExportFixture fixture;
  auto request = fixture.request("type=image,oci-mediatypes=false", {fixture.layer({a_file("a")}, {{"a", "one"}})});
  exporter::WrittenImage image = write(fixture, request);
  CHECK(image.descriptor.media_type == oci::kDockerManifest);
  oci::Manifest manifest = manifest_of(fixture, image.descriptor);
  CHECK(manifest.media_type == oci::kDockerManifest);
  CHECK(manifest.config.media_type == oci::kDockerConfig);
  CHECK(manifest.layers[0].media_type == "application/vnd.docker.image.rootfs.diff.tar.gzip");
}

TEST_CASE("compression is the output's for new layers") {
  ExportFixture fixture;
  cache::LayerId layer = fixture.layer({a_file("a")}, {{"a", "one"}});
  auto request = fixture.request("type=image,compression=zstd,force-compression=true", {layer});
  oci::Manifest manifest = manifest_of(fixture, write(fixture, request).descriptor);
  CHECK(manifest.layers[0].media_type == "application/vnd.oci.image.layer.v1.tar+zstd");
}

TEST_CASE("several platforms make an index in their order") {
  ExportFixture fixture;
  cache::LayerId layer = fixture.layer({a_file("a")}, {{"a", "one"}});
  auto request = fixture.request(
      "type=image,annotation-index.i=1,annotation[linux/arm64].m=2,annotation-manifest-descriptor.d=3", {layer});
  request.images.push_back(request.images[0]);
  request.images[0].platform = oci::Platform::parse("linux/arm64");
  exporter::WrittenImage image = write(fixture, request);
  CHECK(image.descriptor.media_type == oci::kOciIndex);
  CHECK_FALSE(image.descriptor.annotations.contains("config.digest"));
  oci::ImageIndex index = oci::image_index_from_json(fixture.cache.content().read(image.descriptor.digest));
  REQUIRE(index.manifests.size() == 2);
  CHECK(index.manifests[0].platform->architecture == "arm64");
  CHECK(index.manifests[1].platform->architecture == "amd64");
  CHECK(index.annotations.at("i") == "1");
  CHECK(index.manifests[1].annotations == std::map<std::string, std::string>{{"d", "3"}});
  CHECK(manifest_of(fixture, index.manifests[0]).annotations.at("m") == "2");
  CHECK(manifest_of(fixture, index.manifests[1]).annotations.empty());
}

TEST_CASE("a single platform can have an index too") {
  ExportFixture fixture;
  auto request = fixture.request("type=image", {});
  request.index = true;
  CHECK(write(fixture, request).descriptor.media_type == oci::kOciIndex);
}

TEST_CASE("rewritten layers have no file newer than the epoch, and remain so for the next export") {
  ExportFixture fixture;
  oci::LayerEntry old = a_file("old");
  old.mtime = 5'000'000'000;
  cache::LayerId layer = fixture.layer({a_file("new"), old}, {{"new", "n"}, {"old", "o"}});
  auto request = fixture.request("type=image,rewrite-timestamp=true,source-date-epoch=10", {layer});
  exporter::WrittenImage image = write(fixture, request);
  const cache::LayerBlob& blob = image.platforms[0].layers[0];
  auto packed = fixture.cache.content().open(blob.descriptor.digest);
  auto plain = util::make_decompressor(*packed);
  util::TarReader tar(*plain);
  CHECK(tar.next()->mtime == 10'000'000'000);
  CHECK(tar.next()->mtime == 5'000'000'000);
  CHECK(config_of(fixture, image.platforms[0].config).diff_ids[0] == blob.diff_id);
  CHECK(write(fixture, request).descriptor.digest == image.descriptor.digest);
  CHECK(config_of(fixture, image.platforms[0].config).created == "1970-01-01T00:00:10Z");

  request.output = exporter::parse_output("type=image,rewrite-timestamp=true");
  CHECK_THROWS_WITH_AS(write(fixture, request), doctest::Contains("no time to set"), util::Error);
}

TEST_CASE("the epoch of the output wins over that of the build") {
  ExportFixture fixture;
  auto request = fixture.request("type=image,source-date-epoch=20", {fixture.layer({a_file("a")}, {{"a", ""}})});
  request.images[0].source_date_epoch = 10;
  CHECK(config_of(fixture, write(fixture, request).platforms[0].config).created == "1970-01-01T00:00:20Z");
  request.output = exporter::parse_output("type=image");
  CHECK(config_of(fixture, write(fixture, request).platforms[0].config).created == "1970-01-01T00:00:10Z");
  request.output = exporter::parse_output("type=image,source-date-epoch=");
  CHECK(config_of(fixture, write(fixture, request).platforms[0].config).created > "2000");
  request.output = exporter::parse_output("type=image,source-date-epoch=soon");
  CHECK_THROWS_AS(write(fixture, request), util::Error);
}
