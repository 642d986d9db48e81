#include "source/image_source.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <set>
#include <thread>

#include "oci/image.h"
#include "oci/image_layout.h"
#include "tests/support/http_server.h"
#include "tests/support/test_dir.h"
#include "util/error.h"
#include "util/fs.h"
#include "util/sync.h"

using oci::ImageLocation;
using oci::Platform;
using oci::RegistryError;

namespace {

const Platform kAmd64{"linux", "amd64", "", ""};
const Platform kArm64{"linux", "arm64", "", ""};

/// An image for two platforms with one layer each, as documents and blobs by digest.
struct SampleImage {
  std::map<std::string, std::string> blobs;
  oci::Descriptor top;
  std::map<std::string, oci::Descriptor> manifests, layers;  // by architecture
  std::map<std::string, util::Digest> diff_ids;

  explicit SampleImage(const std::string& content = "v1") {
    oci::ImageIndex index;
    index.media_type = oci::kOciIndex;
    for (const Platform& platform : {kAmd64, kArm64}) {
      oci::Manifest manifest;
      manifest.media_type = oci::kOciManifest;
      layers[platform.architecture] = add(content + " layer for " + platform.architecture, oci::kOciLayer);
      diff_ids[platform.architecture] = layers[platform.architecture].digest;
      oci::ImageConfig config;
      config.platform = platform;
      config.env = {"CONTENT=" + content};
      config.diff_ids = {diff_ids[platform.architecture]};
      manifest.config = add(oci::to_json_text(config), oci::kOciConfig);
      manifest.layers = {layers[platform.architecture]};
      manifests[platform.architecture] = add(oci::to_json_text(manifest), oci::kOciManifest);
      manifests[platform.architecture].platform = platform;
      index.manifests.push_back(manifests[platform.architecture]);
    }
    top = add(oci::to_json_text(index), oci::kOciIndex);
  }

  oci::Descriptor add(const std::string& text, std::string_view media_type) {
    util::Digest digest = util::sha256_of(text);
    blobs[digest.to_string()] = text;
    return {std::string(media_type), digest, static_cast<std::int64_t>(text.size()), {}, {}, {}};
  }

  void write_layout(const test::TestDir& directory, const std::string& name) const {
    directory.write(name + "/oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    for (const auto& [digest, text] : blobs) directory.write(name + "/blobs/sha256/" + digest.substr(7), text);
    oci::ImageIndex index;
    index.manifests = {top};
    index.manifests[0].annotations[std::string(oci::kRefNameAnnotation)] = "v1";
    directory.write(name + "/index.json", oci::to_json_text(index));
  }
};

/// Serves images by tag; what it was asked is counted by the server.
struct FakeRegistry {
  util::Sync<std::map<std::string, SampleImage>> images;
  test::HttpServer server{[this](const test::HttpCall& call) { return answer(call); }};

  test::HttpAnswer answer(const test::HttpCall& call) {
    std::string last = call.target.substr(call.target.rfind('/') + 1);
    auto all = images.lock();
    for (const auto& [tag, image] : *all) {
      std::string digest = last == tag ? image.top.digest.to_string() : last;
      auto blob = image.blobs.find(digest);
      if (blob == image.blobs.end()) continue;
      bool manifest = call.target.find("/manifests/") != std::string::npos;
      std::string type = manifest ? oci::manifest_media_type(blob->second) : "application/octet-stream";
      return {200, {{"Content-Type", type}, {"Docker-Content-Digest", digest}}, blob->second, {}};
    }
    return {404, {}, R"({"errors":[{"code":"MANIFEST_UNKNOWN","message":"no"}]})", {}};
  }
  std::size_t requests() const { return server.calls().size(); }
};

/// A sink that keeps the names of the tasks.
struct Names final : util::ProgressSink {
  util::Sync<std::vector<std::string>> names;
  void emit(util::ProgressEvent event) override {
    if (auto* started = std::get_if<util::TaskStarted>(&event)) names.lock()->push_back(started->name);
  }
};

/// The stores of a cache root and an image source over them; `build` makes a fresh source, as the next build would.
struct Stores {
  test::TestDir directory;
  cache::ContentStore content{make(directory / "oci"), make(directory / "tmp")};
  cache::RecordStore records{directory / "cache.db"};
  cache::LayerStore layers{directory.path(), content, records};
  cache::ImageStore images{directory / "oci", content};
  oci::RegistryClient client{std::chrono::milliseconds(1)};
  Names progress;

  Stores() { setenv("DOCKER_CONFIG", directory.path().c_str(), 1); }
  ~Stores() { unsetenv("DOCKER_CONFIG"); }
  static std::filesystem::path make(const std::filesystem::path& path) {
    util::make_directories(path);
    return path;
  }
  std::unique_ptr<source::ImageSource> build(bool pull = false) {
    return std::make_unique<source::ImageSource>(content, layers, images, records, client, progress,
                                                 source::ImageSource::Options{pull, {}});
  }
};

ImageLocation named(const std::string& name) {
  ImageLocation location;
  location.reference = name;
  return location;
}

std::string env_of(const oci::ResolvedImage& image) {
  return image.config.env.at(0);
}

template <typename F>
util::Error refusal(F&& f) {
  try {
    f();
  } catch (const util::Error& error) {
    return error;
  }
  return util::Error("accepted");
}

}  // namespace

TEST_CASE("a tag is resolved with one request per document, once per build") {
  Stores stores;
  FakeRegistry registry;
  SampleImage image;
  registry.images.lock()->emplace("v1", image);
  std::string name = registry.server.host() + "/app:v1";
  auto source = stores.build();
  oci::ResolvedImage resolved = source->resolve(named(name), kAmd64);
  CHECK(resolved.top == image.top.digest);
  CHECK(resolved.manifest == image.manifests["amd64"].digest);
  CHECK(env_of(resolved) == "CONTENT=v1");
  CHECK(resolved.config.platform.architecture == "amd64");
  CHECK(registry.requests() == 3);
  source->resolve(named(name), kAmd64);
  CHECK(registry.requests() == 3);
  CHECK(*stores.progress.names.lock() == std::vector<std::string>{"[internal] load metadata for " + name});
  CHECK(source->resolve(named(name), kArm64).manifest == image.manifests["arm64"].digest);
}

TEST_CASE("the next build asks for the digest of the tag only") {
  Stores stores;
  FakeRegistry registry;
  registry.images.lock()->emplace("v1", SampleImage("v1"));
  std::string name = registry.server.host() + "/app:v1";
  stores.build()->resolve(named(name), kAmd64);
  std::size_t before = registry.requests();
  CHECK(env_of(stores.build()->resolve(named(name), kAmd64)) == "CONTENT=v1");
  REQUIRE(registry.requests() == before + 1);
  CHECK(registry.server.calls().back() == "HEAD /v2/app/manifests/v1");
  // A tag that moved is followed.
  registry.images.lock()->insert_or_assign("v1", SampleImage("v2"));
  CHECK(env_of(stores.build()->resolve(named(name), kAmd64)) == "CONTENT=v2");
}

TEST_CASE("a digest that is known here needs no request") {
  Stores stores;
  FakeRegistry registry;
  SampleImage image;
  registry.images.lock()->emplace("v1", image);
  std::string pinned = registry.server.host() + "/app@" + image.top.digest.to_string();
  CHECK(env_of(stores.build()->resolve(named(pinned), kAmd64)) == "CONTENT=v1");
  std::size_t before = registry.requests();
  CHECK(stores.build()->resolve(named(pinned), kAmd64).manifest == image.manifests["amd64"].digest);
  CHECK(registry.requests() == before);
}

TEST_CASE("many threads resolve a name once") {
  Stores stores;
  FakeRegistry registry;
  registry.images.lock()->emplace("v1", SampleImage());
  auto source = stores.build();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { source->resolve(named(registry.server.host() + "/app:v1"), kAmd64); });
  }
  threads.clear();
  CHECK(registry.requests() == 3);
}

TEST_CASE("each caller of a failed resolution gets an error of its own") {
  Stores stores;
  FakeRegistry registry;
  auto source = stores.build();
  std::string name = registry.server.host() + "/app:v1";
  for (int i = 0; i < 2; ++i) {
    std::string message =
        refusal([&] { util::with_context("step", [&] { return source->resolve(named(name), kAmd64); }); }).message();
    CHECK(message == "step: pull `" + name + "`: not found (no such tag)");
  }
}

TEST_CASE("an image of this machine or the last resolution stands in for an unreachable registry") {
  Stores stores;
  SampleImage image("here");
  std::string host = "127.0.0.1:" + std::to_string(test::free_port());
  std::string name = host + "/app:v1";

  CHECK(refusal([&] { stores.build()->resolve(named(name), kAmd64); }).message() ==
        "connect to registry `" + host + "`: connection refused");
  SUBCASE("image store") {
    for (const auto& blob : image.blobs) stores.content.put(blob.second);
    stores.images.tag(oci::Reference::parse(name), image.top);
  }
  SUBCASE("remembered") {
    for (const auto& blob : image.blobs) stores.content.put(blob.second);
    stores.records.save_fact("tag:" + name + "|linux/amd64", image.top.digest.to_string());
  }
  CHECK(env_of(stores.build()->resolve(named(name), kAmd64)) == "CONTENT=here");
  CHECK_THROWS_AS(stores.build(true)->resolve(named(name), kAmd64), RegistryError);
  CHECK_THROWS_AS(stores.build()->resolve(named(host + "/other:v1"), kAmd64), RegistryError);
}

TEST_CASE("a name that its registry does not have may be an image of this machine") {
  Stores stores;
  FakeRegistry registry;
  SampleImage image("here");
  std::string name = registry.server.host() + "/app:v1";
  for (const auto& blob : image.blobs) stores.content.put(blob.second);
  stores.records.save_fact("tag:" + name + "|linux/amd64", image.top.digest.to_string());
  // It was there once, but is gone: that is no reason to build on it.
  CHECK_THROWS_AS(stores.build()->resolve(named(name), kAmd64), RegistryError);
  stores.images.tag(oci::Reference::parse(name), image.top);
  auto source = stores.build();
  oci::ResolvedImage resolved = source->resolve(named(name), kAmd64);
  CHECK(env_of(resolved) == "CONTENT=here");
  CHECK(
      source
          ->fetch(llb::ImageSource{resolved.location, resolved.manifest, kAmd64}, {resolved.manifest, ""}, nullptr, {})
          .layers == std::vector<util::Digest>{image.diff_ids["amd64"]});
}

TEST_CASE("a platform that an image does not have is refused with those it has") {
  Stores stores;
  FakeRegistry registry;
  registry.images.lock()->emplace("v1", SampleImage());
  std::string name = registry.server.host() + "/app:v1";
  util::Error error = refusal([&] { stores.build()->resolve(named(name), Platform{"linux", "s390x", "", ""}); });
  CHECK(error.message() == "load image `" + name + "`: no image for platform `linux/s390x`");
  CHECK(error.hint() == "the image is there for: linux/amd64, linux/arm64");
}

TEST_CASE("a single manifest is taken whatever its platform") {
  Stores stores;
  FakeRegistry registry;
  SampleImage image;
  image.top = image.manifests["arm64"];
  registry.images.lock()->emplace("v1", image);
  CHECK(stores.build()->resolve(named(registry.server.host() + "/app:v1"), kAmd64).config.platform.architecture ==
        "arm64");
}

TEST_CASE("what is no container image is refused") {
  Stores stores;
  FakeRegistry registry;
  SampleImage image;
  oci::Manifest manifest;
  manifest.config = image.add("{}", "application/vnd.oci.empty.v1+json");
  manifest.layers = {image.layers["amd64"]};
  image.top = image.add(oci::to_json_text(manifest), oci::kOciManifest);
  registry.images.lock()->emplace("v1", image);
  CHECK(refusal([&] { stores.build()->resolve(named(registry.server.host() + "/app:v1"), kAmd64); }).hint() ==
        "this is not a container image");
}

TEST_CASE("fetching an image registers its layers and moves none of their bytes") {
  Stores stores;
  FakeRegistry registry;
  SampleImage image;
  registry.images.lock()->emplace("v1", image);
  std::string name = registry.server.host() + "/app:v1";
  auto source = stores.build();
  oci::ResolvedImage resolved = source->resolve(named(name), kAmd64);
  std::size_t before = registry.requests();
  llb::SourceOp op = llb::ImageSource{resolved.location, resolved.manifest, kAmd64};
  source::Pin pin = source->pin(op, nullptr, {});
  CHECK(pin.digest == resolved.manifest);
  cache::Result result = source->fetch(op, pin, nullptr, {});
  CHECK(result.layers == std::vector<util::Digest>{image.diff_ids["amd64"]});
  CHECK(registry.requests() == before);
  auto row = stores.records.find_layer(image.diff_ids["amd64"]);
  REQUIRE(row);
  REQUIRE(row->remote);
  CHECK(row->remote->digest == image.layers["amd64"].digest);
  CHECK(row->remote_origin == name);

  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { source->fetch_blob(*row->remote, row->remote_origin, nullptr, {}); });
  }
  threads.clear();
  CHECK(registry.requests() == before + 1);
  CHECK(stores.content.contains(image.layers["amd64"].digest));
}

TEST_CASE("a blob is fetched from another place of this build when its own has it no more") {
  Stores stores;
  FakeRegistry registry;
  SampleImage image;
  registry.images.lock()->emplace("v1", image);
  auto source = stores.build();
  oci::ResolvedImage resolved = source->resolve(named(registry.server.host() + "/app:v1"), kAmd64);
  llb::SourceOp op = llb::ImageSource{resolved.location, resolved.manifest, kAmd64};
  source->fetch(op, source->pin(op, nullptr, {}), nullptr, {});
  std::string gone = "127.0.0.1:" + std::to_string(test::free_port()) + "/app:v1";
  source->fetch_blob(image.layers["amd64"], gone, nullptr, {});
  CHECK(stores.content.contains(image.layers["amd64"].digest));
  CHECK_THROWS_AS(source->fetch_blob(image.layers["arm64"], gone, nullptr, {}), util::Error);
}

TEST_CASE("an OCI layout gives documents and blobs") {
  Stores stores;
  SampleImage image;
  image.write_layout(stores.directory, "layout");
  ImageLocation location;
  location.kind = ImageLocation::Kind::layout;
  location.layout_path = (stores.directory / "layout").string();
  location.layout_tag = "v1";
  auto source = stores.build();
  oci::ResolvedImage resolved = source->resolve(location, kArm64);
  CHECK(resolved.manifest == image.manifests["arm64"].digest);
  CHECK(resolved.top == image.top.digest);
  llb::SourceOp op = llb::ImageSource{location, resolved.manifest, kArm64};
  cache::Result result = source->fetch(op, source->pin(op, nullptr, {}), nullptr, {});
  CHECK(result.layers == std::vector<util::Digest>{image.diff_ids["arm64"]});
  auto row = stores.records.find_layer(image.diff_ids["arm64"]);
  REQUIRE(row);
  CHECK(row->remote_origin == "layout:" + location.layout_path);
  source->fetch_blob(*row->remote, row->remote_origin, nullptr, {});
  CHECK(stores.content.read(image.layers["arm64"].digest) == "v1 layer for arm64");

  std::string damaged =
      (stores.directory / "layout").string() + "/blobs/sha256/" + std::string(image.layers["amd64"].digest.hex());
  stores.directory.write("layout/blobs/sha256/" + std::string(image.layers["amd64"].digest.hex()), "other");
  CHECK_THROWS_AS(source->fetch_blob(image.layers["amd64"], row->remote_origin, nullptr, {}), util::Error);
  CHECK_FALSE(stores.content.contains(image.layers["amd64"].digest));
  location.layout_tag = "v9";
  CHECK_THROWS_AS(source->resolve(location, kArm64), util::Error);
}
