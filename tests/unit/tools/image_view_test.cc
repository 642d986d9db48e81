#include "tools/images/image_view.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "tests/support/local_images.h"

using builder::ImageNotFound;
using builder::ImageView;

namespace {

using Store = test::LocalImages;

std::string message_of(const ImageView& view, const std::string& argument) {
  try {
    view.find(argument);
  } catch (const ImageNotFound& error) {
    return error.message() + " | " + error.hint();
  }
  return "found";
}

}  // namespace

TEST_CASE("Images come newest first, each with all of its names") {
  Store store;
  const oci::Descriptor old = store.manifest("2024-01-01T00:00:00Z", "old");
  const oci::Descriptor recent = store.manifest("2025-01-01T00:00:00Z", "new");
  store.tag("app:1", old);
  store.tag("app:2", recent);
  store.tag("localhost:5000/app:2", recent);
  const ImageView view = store.view();
  REQUIRE(view.images().size() == 2);
  CHECK(view.images()[0].names == std::vector<std::string>{"docker.io/library/app:2", "localhost:5000/app:2"});
  CHECK(view.images()[1].names == std::vector<std::string>{"docker.io/library/app:1"});
  const std::string digest = recent.digest.to_string();
  CHECK(view.images()[0].repository_digests() ==
        std::vector<std::string>{"app@" + digest, "localhost:5000/app@" + digest});
}

TEST_CASE("The id is the config's digest, and differs from the image's digest") {
  Store store;
  const oci::Descriptor image = store.manifest("2024-01-01T00:00:00Z", "x");
  store.cache.images().add_untagged(image);
  const ImageView view = store.view();
  REQUIRE(view.images().size() == 1);
  const auto& shown = view.images()[0];
  CHECK(shown.names.empty());
  CHECK(shown.id() == oci::manifest_from_json(store.cache.content().read(image.digest)).config.digest);
  CHECK(shown.descriptor.digest == image.digest);
  CHECK(view.with_id(shown.id()).size() == 1);
}

TEST_CASE("An image is found by name, digest, id and prefix of an id") {
  Store store;
  const oci::Descriptor image = store.manifest("2024-01-01T00:00:00Z", "x");
  store.tag("me/wow", image);
  const ImageView view = store.view();
  const util::Digest id = view.images()[0].id();
  CHECK(view.find("me/wow").name == "docker.io/me/wow:latest");
  CHECK(view.find("docker.io/me/wow:latest").image == &view.images()[0]);
  for (const std::string& argument :
       {"me/wow@" + image.digest.to_string(), id.to_string(), std::string(id.hex()), id.short_hex(),
        "sha256:" + id.short_hex(), image.digest.to_string(), image.digest.short_hex()}) {
    CAPTURE(argument);
    CHECK(view.find(argument).image == &view.images()[0]);
    CHECK_FALSE(view.find(argument).name);
  }
}

TEST_CASE("A name without a tag stands for every tag of its repository where all are wanted") {
  Store store;
  const oci::Descriptor image = store.manifest("2024-01-01T00:00:00Z", "x");
  for (const char* name : {"me/wow:1", "me/wow:2", "me/wow2:1", "other:1"}) store.tag(name, image);
  const ImageView view = store.view();
  std::vector<std::string> names;
  for (const builder::FoundImage& found : view.find_all("me/wow")) names.push_back(found.name.value_or(""));
  CHECK(names == std::vector<std::string>{"docker.io/me/wow:1", "docker.io/me/wow:2"});
  CHECK(view.find_all("me/wow:1").size() == 1);
  CHECK(view.find_all(view.images()[0].id().short_hex()).size() == 1);
  CHECK_THROWS_AS(view.find_all("me/wow:latest"), ImageNotFound);
  CHECK_THROWS_AS(view.find_all("nothing"), ImageNotFound);
}

TEST_CASE("What can be neither a name nor an id is told apart from what is not there") {
  Store store;
  const ImageView view = store.view();
  for (const char* argument : {"", "me/wow:", "Me/Wow", ":x", "x y"}) {
    CAPTURE(argument);
    try {
      view.find(argument);
      CHECK(false);
    } catch (const ImageNotFound&) {
      CHECK(false);
    } catch (const util::Error& error) {
      CHECK(error.message().find("invalid reference format") != std::string::npos);
    }
  }
  CHECK_THROWS_AS(view.find("sha256:zz"), ImageNotFound);
  CHECK_THROWS_AS(view.find(std::string(64, '0')), ImageNotFound);
}

TEST_CASE("A name wins over the prefix of an id") {
  Store store;
  store.tag("other", store.manifest("2024-01-01T00:00:00Z", "x"));
  const std::string prefix = store.view().images()[0].id().short_hex();
  const oci::Descriptor named = store.manifest("2025-01-01T00:00:00Z", "y");
  store.tag(prefix, named);
  CHECK(store.view().find(prefix).image->descriptor.digest == named.digest);
}

TEST_CASE("A prefix of several ids is refused and names them") {
  Store store;
  // 17 images: two of them begin with the same digit.
  for (int i = 0; i != 17; ++i)
    store.tag("image:" + std::to_string(i), store.manifest("2024-01-01T00:00:00Z", std::to_string(i)));
  const ImageView view = store.view();
  std::map<char, int> first;
  for (const auto& image : view.images()) ++first[image.id().hex()[0]];
  const auto shared = std::ranges::find_if(first, [](const auto& item) { return item.second > 1; });
  const std::string message = message_of(view, std::string(1, shared->first));
  CHECK(message.find("is ambiguous") != std::string::npos);
  CHECK(message.find("(image:") != std::string::npos);
}

TEST_CASE("What is not there is an error with docker's words and near names") {
  Store store;
  store.tag("me/wow:1", store.manifest("2024-01-01T00:00:00Z", "x"));
  const ImageView view = store.view();
  CHECK(message_of(view, "me/wow") == "No such image: me/wow:latest | this store has: me/wow:1");
  CHECK(message_of(view, "me/wov:1") == "No such image: me/wov:1 | did you mean me/wow:1?");
  CHECK(message_of(view, "sha256:").starts_with("No such image: sha256: | "));
  const std::string absent(64, '0');
  CHECK(message_of(view, "sha256:" + absent).starts_with("No such image: sha256:000"));
  CHECK(message_of(view, "me/wow@sha256:" + absent).starts_with("No such image: me/wow@sha256:000"));
}

TEST_CASE("Of an index the platform of this machine is shown, and what is not here says so") {
  Store store;
  const std::string local = oci::Platform::local().to_string();
  const std::string foreign = local == "linux/s390x" ? "linux/amd64" : "linux/s390x";
  oci::ImageIndex index;
  index.media_type = oci::kOciIndex;
  for (const std::string& platform : {foreign, local}) {
    index.manifests.push_back(store.manifest("2024-01-01T00:00:00Z", platform, platform));
    index.manifests.back().platform = oci::Platform::parse(platform);
  }
  oci::Descriptor absent = index.manifests[0];
  absent.digest = util::sha256_of("absent");
  absent.platform = oci::Platform::parse("linux/ppc64le");
  index.manifests.push_back(absent);
  store.tag("both", store.put(oci::to_json_text(index), oci::kOciIndex));
  const ImageView view = store.view();
  const auto& image = *view.find("both").image;
  REQUIRE(image.platforms.size() == 3);
  CHECK(image.chosen == 1);
  CHECK(image.id() == image.platforms[1].config.digest);
  CHECK_FALSE(image.platforms[2].present);
  CHECK(image.platform(oci::Platform::parse(foreign)) == &image.platforms[0]);
  CHECK(image.platform(oci::Platform::parse("linux/ppc64le")) == nullptr);
  CHECK(view.find("both@" + image.platforms[0].manifest.digest.to_string()).image == &image);
}

TEST_CASE("A size is that of the files, also of a blob that nobody unpacked") {
  Store store;
  store.tag("x", store.manifest("2024-01-01T00:00:00Z", std::string(12345, 'x')));
  const ImageView view = store.view();
  CHECK(view.size(view.images()[0]) == 12345);
  CHECK(view.size(view.images()[0]) == 12345);
}

TEST_CASE("A layer that is not here counts as packed") {
  Store store;
  const oci::Descriptor image = store.manifest("2024-01-01T00:00:00Z", "x");
  store.tag("x", image);
  const ImageView view = store.view();
  const oci::Descriptor layer = view.images()[0].platform()->layers[0];
  store.cache.content().remove(layer.digest);
  CHECK(view.size(view.images()[0]) == static_cast<std::uint64_t>(layer.size));
}

TEST_CASE("An image that cannot be read hides no other") {
  Store store;
  const oci::Descriptor good = store.manifest("2024-01-01T00:00:00Z", "good"),
                        bad = store.manifest("2025-01-01T00:00:00Z", "bad");
  store.tag("good", good);
  store.tag("bad", bad);
  store.cache.content().remove(bad.digest);
  store.tag("nonsense", store.put("{}", oci::kOciIndex));
  const ImageView view = store.view();
  REQUIRE(view.images().size() == 3);
  CHECK(view.find("good").image->damage.empty());
  CHECK_FALSE(view.find("bad").image->damage.empty());
  CHECK(view.find("bad").image->platform() == nullptr);
  CHECK(view.find("bad").image->id() == bad.digest);
  CHECK(view.find("nonsense").image->platform() == nullptr);
}
