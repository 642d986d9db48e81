#include "oci/image_layout.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "oci/json_text.h"
#include "oci/reference.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/fs.h"
#include "util/text.h"

namespace oci {
namespace {

constexpr size_t kMaxDocument = 8u << 20;

std::string annotation(const Descriptor& descriptor, std::string_view name) {
  auto found = descriptor.annotations.find(std::string(name));
  return found == descriptor.annotations.end() ? std::string() : found->second;
}

/// The tag of a full name such as "docker.io/library/x:1"; empty when `name` is no full name.
std::string tag_of(const std::string& name) {
  if (name.find_first_of("/:") == std::string::npos) return {};
  try {
    return Reference::parse(name).tag;
  } catch (const util::Error&) {
    return {};
  }
}

bool same_name(const std::string& a, const std::string& b) {
  if (a == b) return true;
  if (a.empty() || b.empty() || b.find_first_of("/:") == std::string::npos) return false;
  try {
    return Reference::parse(a).to_string() == Reference::parse(b).to_string();
  } catch (const util::Error&) {
    return false;
  }
}

bool has_tag(const Descriptor& entry, const std::string& tag) {
  for (const std::string& name : {annotation(entry, kRefNameAnnotation), annotation(entry, kImageNameAnnotation)}) {
    if (name.empty()) continue;
    if (same_name(name, tag) || tag_of(name) == tag) return true;
  }
  return false;
}

std::string contents_hint(const ImageIndex& index) {
  std::set<std::string> names;
  for (const Descriptor& entry : index.manifests) {
    std::string name = annotation(entry, kRefNameAnnotation);
    if (name.empty()) name = annotation(entry, kImageNameAnnotation);
    names.insert(name.empty() ? entry.digest.to_string() : name);
  }
  if (names.empty()) return "the layout has no images";
  std::vector<std::string> list(names.begin(), names.end());
  constexpr size_t kShown = 10;
  bool more = list.size() > kShown;
  if (more) list.resize(kShown);
  return "the layout has: " + util::join(list, ", ") + (more ? ", ..." : "");
}

}  // namespace

ImageLayout::ImageLayout(std::filesystem::path directory) : directory_(std::move(directory)) {
  util::with_context(fmt::format("read OCI layout `{}`", directory_.string()), [&] {
    std::string text = util::read_file(directory_ / "oci-layout", kMaxDocument);
    nlohmann::json value = parse_object(text, "`oci-layout` file");
    std::string version = JsonFields(value, "`oci-layout` file").text("imageLayoutVersion");
    if (!version.starts_with("1.")) throw util::Error(fmt::format("unsupported layout version `{}`", version));
  });
}

ImageIndex ImageLayout::index() const {
  return util::with_context(fmt::format("read OCI layout `{}`", directory_.string()), [&] {
    return image_index_from_json(util::read_file(directory_ / "index.json", kMaxDocument));
  });
}

Descriptor ImageLayout::find(const std::string& tag, const util::Digest& digest) const {
  ImageIndex top = index();
  if (digest) {
    for (const Descriptor& entry : top.manifests) {
      if (entry.digest == digest) return entry;
    }
    // A manifest further down (of one platform) may be named too.
    Descriptor descriptor;
    descriptor.digest = digest;
    if (auto stat = util::find_stat_at(AT_FDCWD, blob_path(digest)); stat && stat->type == util::FileType::regular) {
      descriptor.size = static_cast<std::int64_t>(stat->size);
      descriptor.media_type = manifest_media_type(read_blob(descriptor));
      return descriptor;
    }
    throw util::Error(
        fmt::format("find `{}` in OCI layout `{}`: no such image", digest.to_string(), directory_.string()),
        contents_hint(top));
  }
  std::string wanted = tag.empty() ? "latest" : tag;
  for (const Descriptor& entry : top.manifests) {
    if (has_tag(entry, wanted)) return entry;
  }
  if (tag.empty() && top.manifests.size() == 1) return top.manifests.front();
  throw util::Error(fmt::format("find `{}` in OCI layout `{}`: no such tag", wanted, directory_.string()),
                    contents_hint(top));
}

std::string ImageLayout::read_blob(const Descriptor& descriptor) const {
  return util::with_context(
      fmt::format("read blob `{}` of OCI layout `{}`", descriptor.digest.to_string(), directory_.string()), [&] {
        if (descriptor.digest.algorithm() != "sha256") throw util::Error("only sha256 digests are supported");
        std::string bytes = util::read_file(blob_path(descriptor.digest), kMaxDocument);
        if (util::sha256_of(bytes) != descriptor.digest) throw util::Error("the content does not have this digest");
        return bytes;
      });
}

std::filesystem::path ImageLayout::blob_path(const util::Digest& digest) const {
  return directory_ / "blobs" / std::string(digest.algorithm()) / std::string(digest.hex());
}

}  // namespace oci
