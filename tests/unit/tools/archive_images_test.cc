#include "tools/images/archive_images.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>
#include <string_view>

#include "tests/support/test_dir.h"
#include "util/digest.h"
#include "util/temp.h"

namespace {

std::string descriptor(const util::Digest& digest, std::string_view kind) {
  return fmt::format(R"({{"mediaType":"application/vnd.oci.image.{}.v1+json","digest":"{}","size":1}})", kind, digest.to_string());
}

/// An OCI layout directory that is put together blob by blob.
class Layout {
 public:
  explicit Layout(std::filesystem::path path) : path_(std::move(path)) {
    std::filesystem::create_directories(path_ / "blobs/sha256");
    util::write_file_atomically(path_ / "oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
  }
  util::Digest add(std::string_view text) const {
    const util::Digest digest = util::sha256_of(text);
    util::write_file_atomically(path_ / "blobs/sha256" / digest.hex(), text);
    return digest;
  }
  util::Digest add_image() const {
    const util::Digest config = add(R"({"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}})");
    return add(fmt::format(R"({{"schemaVersion":2,"config":{},"layers":[]}})", descriptor(config, "config")));
  }
  void set_index(const std::string& text) const { util::write_file_atomically(path_ / "index.json", text); }

 private:
  std::filesystem::path path_;
};

std::string index_of(const std::string& descriptor, int times) {
  std::string entries = descriptor;
  for (int i = 1; i < times; ++i) entries += "," + descriptor;
  return fmt::format(R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{}]}})", entries);
}

}  // namespace

TEST_CASE("indexes that name their parts many times, level by level, are looked at once") {
  test::TestDir dir;
  const Layout layout(dir.path() / "layout");
  std::string top = descriptor(layout.add_image(), "manifest");
  for (int level = 0; level < 4; ++level) top = descriptor(layout.add(index_of(top, 500)), "index");
  layout.set_index(index_of(top, 1));
  const cache::ContentStore content(dir.path() / "oci", dir.path());
  const auto images = builder::store_images(builder::ArchiveStage(dir.path() / "layout"), std::nullopt, content, {});
  REQUIRE(images.size() == 1);
  CHECK(content.contains(images[0].id));
}
