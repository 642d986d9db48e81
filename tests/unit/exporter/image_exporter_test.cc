#include <doctest/doctest.h>

#include "tests/support/registry.h"
#include "tests/unit/exporter/fixture.h"
#include "util/error.h"

using test::a_file;
using test::ExportFixture;

TEST_CASE("an image is found in the local store under all its names") {
  ExportFixture fixture;
  auto request = fixture.request("type=image", {fixture.layer({a_file("a")}, {{"a", "x"}})}, {"me/x:1.0", "me/x"});
  exporter::ExportReport report = fixture.run(request);
  for (const oci::Reference& name : request.names) {
    CHECK(fixture.cache.images().find(name)->digest == report.descriptor->digest);
  }
  CHECK(report.names == std::vector<std::string>{"docker.io/me/x:1.0", "docker.io/me/x:latest"});
  CHECK(report.config_digest);
  for (const std::string& part :
       {std::string("exporting to image"), std::string("exporting layers"),
        "exporting config " + report.config_digest.to_string(),
        "exporting manifest " + report.descriptor->digest.to_string(),
        "writing image " + report.config_digest.to_string(), std::string("naming to docker.io/me/x:1.0")}) {
    CHECK_MESSAGE(fixture.progress.has(part), part);
  }
}

TEST_CASE("an image without a name is kept") {
  ExportFixture fixture;
  exporter::ExportReport report = fixture.run(fixture.request("type=docker", {}));
  std::vector<cache::StoredImage> images = fixture.cache.images().list();
  REQUIRE(images.size() == 1);
  CHECK(images[0].name.empty());
  CHECK(images[0].descriptor.digest == report.descriptor->digest);
}

TEST_CASE("a push needs a name") {
  ExportFixture fixture;
  CHECK_THROWS_WITH_AS(fixture.run(fixture.request("type=registry", {})), doctest::Contains("no name"), util::Error);
  CHECK_THROWS_WITH_AS(fixture.run(fixture.request("type=image,push=true", {})), doctest::Contains("no name"),
                       util::Error);
}

TEST_CASE("nothing is exported by cacheonly") {
  ExportFixture fixture;
  CHECK_FALSE(fixture.run(fixture.request("type=cacheonly", {})).descriptor);
}

TEST_CASE("a pushed image is in the registry, under every name") {
  auto registry = test::Registry::start();
  if (!registry) return;
  ExportFixture fixture;
  auto request = fixture.request("type=registry", {fixture.layer({a_file("a")}, {{"a", "x"}})},
                                 {registry->host() + "/me/app:1", registry->host() + "/me/other:2"});
  exporter::ExportReport report = fixture.run(request);
  oci::RegistryClient client;
  for (const oci::Reference& name : request.names) {
    oci::ManifestBytes manifest = client.manifest(name);
    CHECK(manifest.descriptor.digest == report.descriptor->digest);
    for (const oci::Descriptor& layer : oci::manifest_from_json(manifest.bytes).layers)
      CHECK(client.has_blob(name, layer.digest));
  }
  CHECK(fixture.cache.images().list().empty());
  CHECK(fixture.progress.has("pushing layers"));
  CHECK(fixture.progress.has("pushing manifest for " + registry->host() + "/me/app:1@" +
                             report.descriptor->digest.to_string()));
}

TEST_CASE("an index is pushed with its manifests") {
  auto registry = test::Registry::start();
  if (!registry) return;
  ExportFixture fixture;
  auto request = fixture.request("type=image,push=true", {fixture.layer({a_file("a")}, {{"a", "x"}})},
                                 {registry->host() + "/me/app"});
  request.images.push_back(request.images[0]);
  request.images[1].platform = oci::Platform::parse("linux/arm64");
  exporter::ExportReport report = fixture.run(request);
  CHECK_FALSE(report.config_digest);
  oci::RegistryClient client;
  oci::ManifestBytes index = client.manifest(request.names[0]);
  CHECK(index.descriptor.digest == report.descriptor->digest);
  for (const oci::Descriptor& entry : oci::image_index_from_json(index.bytes).manifests) {
    oci::Reference name = request.names[0];
    name.tag.clear();
    name.digest = entry.digest;
    CHECK_NOTHROW(client.manifest(name));
  }
  CHECK(fixture.cache.images().find(request.names[0]));
}

TEST_CASE("push-by-digest makes no tag") {
  auto registry = test::Registry::start();
  if (!registry) return;
  ExportFixture fixture;
  auto request = fixture.request("type=registry,push-by-digest=true", {}, {registry->host() + "/me/app"});
  exporter::ExportReport report = fixture.run(request);
  oci::RegistryClient client;
  CHECK_THROWS_AS(client.manifest(request.names[0]), util::Error);
  oci::Reference name = request.names[0];
  name.tag.clear();
  name.digest = report.descriptor->digest;
  CHECK_NOTHROW(client.manifest(name));
}

TEST_CASE("layers of a base in the same registry are mounted: their bytes never come here") {
  auto registry = test::Registry::start();
  if (!registry) return;
  ExportFixture first;
  auto base = first.request("type=registry", {first.layer({a_file("base")}, {{"base", "big"}})},
                            {registry->host() + "/lib/base:1"});
  first.run(base);
  cache::LayerBlob layer = first.cache.layers().blob(base.images[0].layers[0], {}, false);

  ExportFixture fixture;
  fixture.cache.layers().add_remote(layer.diff_id, layer.descriptor, registry->host() + "/lib/base:1");
  auto request = fixture.request("type=registry", {layer.diff_id, fixture.layer({a_file("a")}, {{"a", "x"}})},
                                 {registry->host() + "/me/app:1"});
  fixture.run(request);
  oci::RegistryClient client;
  CHECK(client.has_blob(request.names[0], layer.descriptor.digest));
  CHECK_FALSE(fixture.cache.content().contains(layer.descriptor.digest));
}
