#include "tools/images/remove_images.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "cache/image_blobs.h"
#include "cache/prune.h"
#include "util/error.h"

namespace builder {
namespace {

std::string familiar(const std::string& name) {
  try {
    return oci::Reference::parse(name).familiar();
  } catch (const util::Error&) {
    return name;  // by another program
  }
}

std::string repository(const std::string& name) {
  try {
    return oci::Reference::parse(name).name();
  } catch (const util::Error&) {
    return name;
  }
}

/// How layers are shown: by their diff ids, as `inspect` has them.
std::map<util::Digest, util::Digest> diff_ids_of(const ImageView& view, const LocalImage& image) {
  std::map<util::Digest, util::Digest> ids;
  for (const PlatformImage& platform : image.platforms) {
    if (!platform.present || platform.attestation) continue;
    try {
      const std::vector<util::Digest> diff_ids = view.config(platform).diff_ids;
      for (std::size_t i = 0; i < std::min(diff_ids.size(), platform.layers.size()); ++i) {
        ids[platform.layers[i].digest] = diff_ids[i];
      }
    } catch (const util::Error&) {
      continue;  // damaged: shown by their blobs
    }
  }
  return ids;
}

/// Documents, then layers from the topmost down.
std::vector<util::Digest> blobs_of(const cache::ContentStore& content, const LocalImage& image) {
  std::vector<util::Digest> layers;
  for (const PlatformImage& platform : image.platforms) {
    for (auto layer = platform.layers.rbegin(); layer != platform.layers.rend(); ++layer) {
      if (std::ranges::find(layers, layer->digest) == layers.end()) layers.push_back(layer->digest);
    }
  }
  std::vector<util::Digest> blobs;
  for (const auto& [digest, role] : cache::image_blobs(content, image.descriptor.digest)) {
    if (std::ranges::find(layers, digest) == layers.end()) blobs.push_back(digest);
  }
  blobs.insert(blobs.end(), layers.begin(), layers.end());
  return blobs;
}

/// Nothing else keeps the image: names by digest go with the last tag of their repository.
bool are_last_names(const LocalImage& image, const std::vector<std::string>& names) {
  return std::ranges::all_of(image.names, [&](const std::string& name) {
    const bool by_digest = name.find('@') != std::string::npos;
    return std::ranges::any_of(names, [&](const std::string& gone) {
      return name == gone || (by_digest && repository(name) == repository(gone));
    });
  });
}

RemovedImage untag(cache::CacheDir& cache, const ImageView& view, const LocalImage& image, const std::vector<std::string>& names) {
  if (are_last_names(image, names)) return remove_image(cache, view, image);
  RemovedImage removed;
  for (const std::string& name : names) {
    if (cache.images().untag(oci::Reference::parse(name))) removed.untagged.push_back(familiar(name));
  }
  return removed;
}

/// Names of the repository that `argument` ("name@sha256:…") has; empty if it is no such name.
std::vector<std::string> names_in_repository(const LocalImage& image, const std::string& argument) {
  std::vector<std::string> names;
  if (argument.find('@') == std::string::npos) return names;
  for (const std::string& name : image.names) {
    if (repository(name) == repository(argument)) names.push_back(name);
  }
  return names;
}

}  // namespace

RemovedImage remove_image(cache::CacheDir& cache, const ImageView& view, const LocalImage& image) {
  const std::map<util::Digest, util::Digest> diff_ids = diff_ids_of(view, image);
  const std::vector<util::Digest> blobs = blobs_of(cache.content(), image);
  RemovedImage removed;
  for (const std::string& name : image.names) removed.untagged.push_back(familiar(name));
  if (!cache.images().remove(image.descriptor.digest)) return {};
  const cache::DeletedBlobs gone = cache::delete_image_blobs(cache, blobs);
  removed.bytes = gone.bytes;
  removed.deleted.push_back(image.id());
  for (const util::Digest& blob : gone.blobs) {
    if (const auto layer = diff_ids.find(blob); layer != diff_ids.end()) removed.deleted.push_back(layer->second);
  }
  return removed;
}

std::vector<RemovedImage> remove_by_argument(cache::CacheDir& cache, const std::string& argument, bool force) {
  const ImageView view(cache);
  const FoundImage found = view.find(argument);
  if (found.name) return {untag(cache, view, *found.image, {*found.name})};
  if (const auto names = names_in_repository(*found.image, argument); !names.empty()) {
    return {untag(cache, view, *found.image, names)};
  }
  std::set<std::string> repositories;
  const std::vector<const LocalImage*> images = view.with_id(found.image->id());
  for (const LocalImage* image : images) {
    for (const std::string& name : image->names) repositories.insert(repository(name));
  }
  if (repositories.size() > 1 && !force) {
    throw util::Error(fmt::format("conflict: unable to delete {} (must be forced) - image is referenced in multiple repositories",
                                  found.image->id().short_hex()),
                      "name one of its names, or give -f to remove them all");
  }
  std::vector<RemovedImage> removed;
  for (const LocalImage* image : images) removed.push_back(remove_image(cache, view, *image));
  return removed;
}

}  // namespace builder
