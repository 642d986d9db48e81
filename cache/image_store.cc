#include "cache/image_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "oci/image.h"
#include "oci/image_layout.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/file_lock.h"
#include "util/temp.h"

namespace cache {
namespace {

oci::ImageIndex read_index(const std::filesystem::path& layout) {
  std::filesystem::path file = layout / "index.json";
  if (!std::filesystem::exists(file)) {
    oci::ImageIndex index;
    index.media_type = oci::kOciIndex;
    return index;
  }
  return util::with_context(fmt::format("read `{}`", file.native()),
                            [&] { return oci::image_index_from_json(util::read_file(file)); });
}

std::string name_of(const oci::Descriptor& descriptor) {
  auto found = descriptor.annotations.find(std::string(oci::kImageNameAnnotation));
  if (found != descriptor.annotations.end()) return found->second;
  found = descriptor.annotations.find(std::string(oci::kRefNameAnnotation));
  return found != descriptor.annotations.end() ? found->second : std::string();
}

void drop_name(oci::Descriptor& descriptor) {
  descriptor.annotations.erase(std::string(oci::kImageNameAnnotation));
  descriptor.annotations.erase(std::string(oci::kRefNameAnnotation));
}

bool has_digest(const oci::ImageIndex& index, const util::Digest& digest) {
  return std::any_of(index.manifests.begin(), index.manifests.end(),
                     [&](const oci::Descriptor& entry) { return entry.digest == digest; });
}

/// Takes the name from its image; the image stays without one, unless it has another entry already.
bool take_name(oci::ImageIndex& index, const std::string& name) {
  auto holder = std::find_if(index.manifests.begin(), index.manifests.end(),
                             [&](const oci::Descriptor& entry) { return name_of(entry) == name; });
  if (holder == index.manifests.end()) return false;
  oci::Descriptor image = *holder;
  index.manifests.erase(holder);
  if (!has_digest(index, image.digest)) {
    drop_name(image);
    index.manifests.push_back(std::move(image));
  }
  return true;
}

/// Changes index.json under a lock; written only if `change` says that it changed something.
template <typename F>
void change_index(const std::filesystem::path& layout, const ContentStore& content, F&& change) {
  util::FileLock lock = util::FileLock::acquire(layout / ".index.lock", util::LockMode::exclusive);
  oci::ImageIndex index = read_index(layout);
  if (!change(index)) return;
  content.flush();
  util::write_file_atomically(layout / "index.json", oci::to_json_text(index));
}

/// Without the digest, unless that is all there is.
std::string full_name(const oci::Reference& name) {
  oci::Reference plain = name;
  if (!plain.tag.empty()) plain.digest = {};
  return plain.to_string();
}

/// Gives the image the name, taking it from the one that had it.
bool set_name(oci::ImageIndex& index, const std::string& name, const oci::Descriptor& image) {
  auto named = std::find_if(index.manifests.begin(), index.manifests.end(),
                            [&](const oci::Descriptor& entry) { return name_of(entry) == name; });
  if (named != index.manifests.end() && named->digest == image.digest) return false;
  take_name(index, name);
  std::erase_if(index.manifests, [&](const oci::Descriptor& entry) {
    return entry.digest == image.digest && name_of(entry).empty();
  });
  oci::Descriptor entry = image;
  entry.annotations[std::string(oci::kImageNameAnnotation)] = name;
  entry.annotations[std::string(oci::kRefNameAnnotation)] = name;
  index.manifests.push_back(std::move(entry));
  return true;
}

}  // namespace

ImageStore::ImageStore(std::filesystem::path layout, ContentStore& content)
    : layout_(std::move(layout)), content_(content) {}

void ImageStore::tag(const oci::Reference& name, const oci::Descriptor& descriptor) {
  if (name.tag.empty())
    throw util::Error(fmt::format("name an image `{}`: a name with a digest needs a tag", name.to_string()));
  change_index(layout_, content_, [&](oci::ImageIndex& index) { return set_name(index, full_name(name), descriptor); });
}

void ImageStore::name_by_digest(const oci::Reference& repository, const oci::Descriptor& descriptor) {
  const oci::Reference name{repository.domain, repository.repository, {}, descriptor.digest};
  change_index(layout_, content_, [&](oci::ImageIndex& index) { return set_name(index, full_name(name), descriptor); });
}

void ImageStore::add_untagged(const oci::Descriptor& descriptor) {
  change_index(layout_, content_, [&](oci::ImageIndex& index) {
    if (has_digest(index, descriptor.digest)) return false;
    oci::Descriptor entry = descriptor;
    drop_name(entry);
    index.manifests.push_back(std::move(entry));
    return true;
  });
}

std::optional<oci::Descriptor> ImageStore::find(const oci::Reference& name) {
  oci::ImageIndex index = read_index(layout_);
  std::string text = name.tag.empty() ? std::string() : full_name(name);
  for (const oci::Descriptor& entry : index.manifests) {
    bool fits = name.digest ? entry.digest == name.digest : name_of(entry) == text;
    if (!fits || !content_.contains(entry.digest)) continue;
    oci::Descriptor found = entry;
    drop_name(found);
    return found;
  }
  return std::nullopt;
}

bool ImageStore::untag(const oci::Reference& name) {
  std::string text = full_name(name);
  bool existed = false;
  change_index(layout_, content_, [&](oci::ImageIndex& index) {
    existed = take_name(index, text);
    return existed;
  });
  return existed;
}

bool ImageStore::remove(const util::Digest& digest) {
  bool existed = false;
  change_index(layout_, content_, [&](oci::ImageIndex& index) {
    existed = std::erase_if(index.manifests, [&](const oci::Descriptor& entry) { return entry.digest == digest; }) > 0;
    return existed;
  });
  return existed;
}

std::vector<StoredImage> ImageStore::list() {
  std::vector<StoredImage> images;
  for (oci::Descriptor& entry : read_index(layout_).manifests) {
    std::string name = name_of(entry);
    drop_name(entry);
    images.push_back(StoredImage{std::move(name), std::move(entry)});
  }
  return images;
}

}  // namespace cache
