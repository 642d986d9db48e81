#include "oci/image_layout.h"

#include <doctest/doctest.h>

#include "tests/support/test_dir.h"
#include "util/error.h"

namespace {

/// A layout in which blobs and tagged entries are put one by one.
class Layout {
 public:
  Layout() { directory_.write("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"); }
  oci::Descriptor blob(const std::string& text, const std::string& media_type = std::string(oci::kOciManifest)) {
    util::Digest digest = util::sha256_of(text);
    directory_.write("blobs/sha256/" + std::string(digest.hex()), text);
    return {media_type, digest, static_cast<std::int64_t>(text.size()), {}, {}, {}};
  }
  void add(oci::Descriptor descriptor, const std::string& ref_name,
           std::string_view annotation = oci::kRefNameAnnotation) {
    if (!ref_name.empty()) descriptor.annotations[std::string(annotation)] = ref_name;
    index_.manifests.push_back(std::move(descriptor));
    directory_.write("index.json", oci::to_json_text(index_));
  }
  const test::TestDir& directory() const { return directory_; }
  oci::ImageLayout open() const { return oci::ImageLayout(directory_.path()); }

 private:
  test::TestDir directory_;
  oci::ImageIndex index_;
};

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

TEST_CASE("an image of a layout is found by tag, full name or digest") {
  Layout layout;
  oci::Descriptor one = layout.blob("one"), two = layout.blob("two"), three = layout.blob("three");
  layout.add(one, "v1");
  layout.add(two, "docker.io/library/app:latest");
  layout.add(three, "docker.io/library/app:v3", oci::kImageNameAnnotation);
  oci::ImageLayout opened = layout.open();
  CHECK(opened.find("v1", {}).digest == one.digest);
  CHECK(opened.find("", {}).digest == two.digest);
  CHECK(opened.find("latest", {}).digest == two.digest);
  CHECK(opened.find("app:latest", {}).digest == two.digest);
  CHECK(opened.find("v3", {}).digest == three.digest);
  CHECK(opened.find("", one.digest).digest == one.digest);
  util::Error error = refusal([&] { opened.find("v9", {}); });
  CHECK(error.message() == "find `v9` in OCI layout `" + layout.directory().path().string() + "`: no such tag");
  CHECK(error.hint() == "the layout has: docker.io/library/app:latest, docker.io/library/app:v3, v1");
}

TEST_CASE("without a tag the only image of a layout is meant") {
  Layout layout;
  oci::Descriptor one = layout.blob("one");
  layout.add(one, "v1");
  CHECK(layout.open().find("", {}).digest == one.digest);
  CHECK_THROWS_AS(layout.open().find("latest", {}), util::Error);
}

TEST_CASE("a manifest that is not listed is found by its digest") {
  Layout layout;
  layout.add(layout.blob("one"), "v1");
  oci::Descriptor inner = layout.blob(R"({"config":{},"layers":[]})");
  oci::Descriptor found = layout.open().find("", inner.digest);
  CHECK(found.media_type == oci::kOciManifest);
  CHECK(found.size == inner.size);
  CHECK_THROWS_AS(layout.open().find("", util::sha256_of("absent")), util::Error);
}

TEST_CASE("a damaged blob or layout is refused") {
  Layout layout;
  oci::Descriptor one = layout.blob("one");
  layout.add(one, "v1");
  CHECK(layout.open().read_blob(one) == "one");
  layout.directory().write("blobs/sha256/" + std::string(one.digest.hex()), "two");
  CHECK_THROWS_AS(layout.open().read_blob(one), util::Error);
  layout.directory().write("index.json", R"({"manifests":{}})");
  CHECK(refusal([&] { layout.open().index(); }).message() ==
        "read OCI layout `" + layout.directory().path().string() + "`: parse image index: manifests: must be an array");
  layout.directory().write("oci-layout", R"({"imageLayoutVersion":"9"})");
  CHECK_THROWS_AS(layout.open(), util::Error);
  test::TestDir empty;
  CHECK_THROWS_AS(oci::ImageLayout{empty.path()}, util::Error);
}
