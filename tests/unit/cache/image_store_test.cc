#include "cache/image_store.h"

#include <doctest/doctest.h>

#include <thread>

#include "oci/image_layout.h"
#include "tests/support/test_dir.h"
#include "util/error.h"
#include "util/temp.h"

namespace {

struct Images {
  test::TestDir directory;
  cache::ContentStore content{directory / "oci", directory.path()};
  cache::ImageStore store{directory / "oci", content};

  Images() {
    std::filesystem::create_directories(directory / "oci/blobs/sha256");
    directory.write("oci/oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  }
  oci::Descriptor image(const std::string& text) {
    oci::Descriptor descriptor;
    descriptor.media_type = oci::kOciManifest;
    descriptor.digest = content.put(text).digest;
    descriptor.size = static_cast<std::int64_t>(text.size());
    return descriptor;
  }
};

oci::Reference name(const char* text) {
  return oci::Reference::parse(text);
}

}  // namespace

TEST_CASE("a tagged image is found by its name and by its digest") {
  Images images;
  oci::Descriptor one = images.image("one");
  images.store.tag(name("app"), one);
  CHECK(images.store.find(name("docker.io/library/app:latest"))->digest == one.digest);
  CHECK(images.store.find(name(("app@" + one.digest.to_string()).c_str())));
  CHECK_FALSE(images.store.find(name("app:other")));
}

TEST_CASE("a name moves to the new image, the old one stays untagged") {
  Images images;
  oci::Descriptor one = images.image("one");
  oci::Descriptor two = images.image("two");
  images.store.tag(name("app"), one);
  images.store.tag(name("app"), two);
  images.store.tag(name("app"), two);
  std::vector<cache::StoredImage> list = images.store.list();
  REQUIRE(list.size() == 2);
  CHECK(list[0].name == "");
  CHECK(list[0].descriptor.digest == one.digest);
  CHECK(list[1].name == "docker.io/library/app:latest");
  CHECK(list[1].descriptor.digest == two.digest);
}

TEST_CASE("an image without a name takes one, and is kept once") {
  Images images;
  oci::Descriptor one = images.image("one");
  images.store.add_untagged(one);
  images.store.add_untagged(one);
  CHECK(images.store.list().size() == 1);
  images.store.tag(name("app:1"), one);
  images.store.tag(name("app:2"), one);
  CHECK(images.store.list().size() == 2);
  images.store.add_untagged(one);
  CHECK(images.store.list().size() == 2);
}

TEST_CASE("an untagged image stays") {
  Images images;
  oci::Descriptor one = images.image("one");
  images.store.tag(name("app"), one);
  CHECK(images.store.untag(name("app")));
  CHECK_FALSE(images.store.untag(name("app")));
  CHECK(images.store.list().size() == 1);
  CHECK_FALSE(images.store.find(name("app")));
}

TEST_CASE("an image whose manifest is gone is not found") {
  Images images;
  oci::Descriptor one = images.image("one");
  images.store.tag(name("app"), one);
  images.content.remove(one.digest);
  CHECK_FALSE(images.store.find(name("app")));
}

TEST_CASE("the index is one that an OCI image layout reader understands") {
  Images images;
  oci::Descriptor one = images.image("one");
  images.store.tag(name("app:v1"), one);
  oci::ImageLayout layout(images.directory / "oci");
  CHECK(layout.find("docker.io/library/app:v1", {}).digest == one.digest);
}

TEST_CASE("tags of several threads are all kept") {
  Images images;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] {
        cache::ImageStore own(images.directory / "oci", images.content);
        own.tag(name(("app:" + std::to_string(i)).c_str()), images.image(std::to_string(i)));
      });
    }
  }
  CHECK(images.store.list().size() == 8);
}

TEST_CASE("an image may be named by its own digest, and only so without a tag") {
  Images images;
  const oci::Descriptor one = images.image("one");
  images.store.add_untagged(one);
  const oci::Reference by_digest = name(("app@" + one.digest.to_string()).c_str());
  CHECK_THROWS_AS(images.store.tag(by_digest, one), util::Error);
  images.store.name_by_digest(name("app"), one);
  REQUIRE(images.store.list().size() == 1);
  CHECK(images.store.list()[0].name == "docker.io/library/app@" + one.digest.to_string());
  CHECK(images.store.untag(by_digest));
  CHECK(images.store.list()[0].name.empty());
}
