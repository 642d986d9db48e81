#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "cache/content_store.h"
#include "oci/image.h"
#include "tests/fuzz/scratch.h"
#include "tools/images/archive_images.h"
#include "util/check.h"
#include "util/error.h"
#include "util/tar.h"

// Input: the files of an image archive as text, each behind a line "== PATH", as a link with "== PATH -> TARGET". In paths and
// contents, `<NAME>` is the hex digest of the earlier file NAME, which no mutation would find. A blob "= NAME" is both: the file
// blobs/sha256/<NAME>.
namespace {

class Archive {
 public:
  explicit Archive(std::string_view text) : writer_(bytes_) {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find("\n=", 1), text.size());
      add(text.substr(0, end));
      text.remove_prefix(std::min(text.size(), end + 1));
    }
    writer_.finish();
  }
  const std::string& bytes() const { return bytes_.text(); }

 private:
  void add(std::string_view part) {
    const std::size_t line = std::min(part.find('\n'), part.size());
    const std::string content = with_digests(part.substr(std::min(part.size(), line + 1)));
    std::string path = with_digests(part.substr(0, line));
    const std::string hex(util::sha256_of(content).hex());
    if (path.starts_with("== ")) {
      path.erase(0, 3);
      digests_[path] = hex;
    } else if (path.starts_with("= ")) {
      digests_[path.substr(2)] = hex;
      path = "blobs/sha256/" + hex;
    }
    util::TarEntry entry;
    if (const std::size_t arrow = path.find(" -> "); arrow != std::string::npos) {
      entry.type = util::FileType::symlink;
      entry.link_target = path.substr(arrow + 4);
      path.resize(arrow);
    }
    entry.path = path;
    entry.mode = 0644;
    entry.size = entry.type == util::FileType::regular ? content.size() : 0;
    if (path.empty() || (path + entry.link_target).find('\0') != std::string::npos) return;
    writer_.add(entry);
    if (entry.size != 0) writer_.write(util::as_bytes(content));
  }
  std::string with_digests(std::string_view text) const {
    std::string result;
    while (!text.empty()) {
      const std::size_t end = text.front() == '<' ? text.find('>') : std::string_view::npos;
      const auto found = end == std::string_view::npos ? digests_.end() : digests_.find(std::string(text.substr(1, end - 1)));
      if (found == digests_.end()) {
        result += text.front();
        text.remove_prefix(1);
      } else {
        result += found->second;
        text.remove_prefix(end + 1);
      }
    }
    return result;
  }

  util::StringWriter bytes_;
  util::TarWriter writer_;
  std::map<std::string, std::string> digests_;
};

void check_load(const std::string& bytes, const std::optional<oci::Platform>& platform, const fuzz::Scratch& scratch) {
  const std::filesystem::path root = scratch.path() / "store";
  std::filesystem::create_directories(root / "temporary");
  try {
    const cache::ContentStore content(root / "oci", root / "temporary");
    util::StringReader reader(bytes);
    const builder::ArchiveStage archive(reader, root / "temporary", {});
    for (const builder::LoadedImage& image : builder::store_images(archive, platform, content, {})) {
      const std::string text = content.read(image.descriptor.digest);
      CHECK(static_cast<std::int64_t>(text.size()) == image.descriptor.size);
      CHECK(!oci::manifest_media_type(text).empty());
      oci::image_config_from_json(content.read(image.id));
      for (const oci::Reference& name : image.names) CHECK(oci::Reference::parse(name.to_string()).to_string() == name.to_string());
    }
  } catch (const util::Error&) {
  }
  CHECK(std::filesystem::is_empty(root / "temporary"));
  std::filesystem::remove_all(root);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Scratch scratch;
  const Archive archive({reinterpret_cast<const char*>(data), size});
  check_load(archive.bytes(), std::nullopt, scratch);
  check_load(archive.bytes(), oci::Platform{"linux", "amd64", "", ""}, scratch);
  return 0;
}
