#include "tools/images/image_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "oci/layer.h"
#include "tools/images/image_services.h"
#include "util/compression.h"
#include "util/error.h"
#include "util/text.h"
#include "util/time.h"

namespace builder {
namespace {

constexpr const char* kAttestation = "vnd.docker.reference.type";
constexpr std::size_t kCandidatesShown = 10;

bool is_hex(std::string_view text) {
  return !text.empty() &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

void read_manifest(const cache::ContentStore& content, PlatformImage& platform) {
  if (!content.contains(platform.manifest.digest)) return;
  oci::Manifest manifest = oci::manifest_from_json(content.read(platform.manifest.digest));
  if (!content.contains(manifest.config.digest)) return;
  platform.config = std::move(manifest.config);
  platform.layers = std::move(manifest.layers);
  platform.present = true;
}

std::vector<PlatformImage> read_platforms(const cache::ContentStore& content, const oci::Descriptor& top) {
  std::vector<PlatformImage> platforms;
  if (!oci::is_index(top.media_type)) {
    PlatformImage only;
    only.manifest = top;
    only.platform = top.platform.value_or(oci::Platform{});
    read_manifest(content, only);
    if (!only.present) throw util::Error("its config is missing");
    platforms.push_back(std::move(only));
    return platforms;
  }
  for (oci::Descriptor& entry : oci::image_index_from_json(content.read(top.digest)).manifests) {
    PlatformImage platform;
    platform.platform = entry.platform.value_or(oci::Platform{});
    platform.attestation = entry.annotations.contains(kAttestation);
    platform.manifest = std::move(entry);
    if (oci::is_manifest(platform.manifest.media_type)) read_manifest(content, platform);
    platforms.push_back(std::move(platform));
  }
  return platforms;
}

std::optional<std::size_t> best_platform(std::span<const PlatformImage> platforms, const oci::Platform& wanted) {
  std::optional<std::size_t> best;
  int best_score = 0;
  for (std::size_t i = 0; i != platforms.size(); ++i) {
    if (!platforms[i].present || platforms[i].attestation) continue;
    const int score = oci::match_score(wanted, platforms[i].platform.normalized());
    if (score > best_score) {
      best = i;
      best_score = score;
    }
  }
  return best;
}

std::size_t choose(std::span<const PlatformImage> platforms) {
  if (const auto best = best_platform(platforms, oci::Platform::local())) return *best;
  const auto usable = [](const PlatformImage& one) { return one.present && !one.attestation; };
  const auto first = std::ranges::find_if(platforms, usable);
  return first == platforms.end() ? 0 : static_cast<std::size_t>(first - platforms.begin());
}

LocalImage read_image(const cache::ContentStore& content, const oci::Descriptor& descriptor) {
  LocalImage image;
  image.descriptor = descriptor;
  try {
    if (!content.contains(descriptor.digest)) throw util::Error("its manifest is missing");
    image.platforms = read_platforms(content, descriptor);
    image.chosen = choose(image.platforms);
    if (const PlatformImage* chosen = image.platform()) {
      const oci::ImageConfig config = oci::image_config_from_json(content.read(chosen->config.digest));
      if (!oci::is_index(descriptor.media_type)) image.platforms[image.chosen].platform = config.platform;
      image.created = std::max<std::int64_t>(util::parse_rfc3339(config.created).value_or(0), 0);
    }
  } catch (const util::Error& error) {
    image.damage = error.message();
    image.platforms.clear();
    image.chosen = 0;
  }
  return image;
}

std::optional<oci::Reference> parse_name(std::string_view text) {
  try {
    return oci::Reference::parse(text);
  } catch (const util::Error&) {
    return std::nullopt;
  }
}

std::string familiar(const std::string& name) {
  const auto reference = parse_name(name);
  return reference ? reference->familiar() : name;
}

/// Counts the files of a packed layer.
std::uint64_t unpacked_size(const cache::ContentStore& content, const util::Digest& blob) {
  const std::unique_ptr<util::Reader> packed = content.open(blob);
  const std::unique_ptr<util::Reader> tar = util::make_decompressor(*packed);
  std::uint64_t size = 0;
  oci::read_layer(*tar, [&](oci::LayerEntry& entry, util::Reader*) {
    if (entry.is_file() && entry.hard_link.empty()) size += entry.size;
  });
  return size;
}

}  // namespace

util::Digest LocalImage::id() const {
  const PlatformImage* shown = platform();
  return shown != nullptr ? shown->config.digest : descriptor.digest;
}

const PlatformImage* LocalImage::platform() const {
  if (chosen >= platforms.size() || !platforms[chosen].present || platforms[chosen].attestation) return nullptr;
  return &platforms[chosen];
}

const PlatformImage* LocalImage::platform(const oci::Platform& wanted) const {
  const auto best = best_platform(platforms, wanted);
  return best ? &platforms[*best] : nullptr;
}

std::vector<std::string> LocalImage::repository_digests() const {
  std::set<std::string> found;
  for (const std::string& name : names) {
    auto reference = parse_name(name);
    if (!reference) continue;
    reference->tag.clear();
    reference->digest = descriptor.digest;
    found.insert(reference->familiar());
  }
  return {found.begin(), found.end()};
}

ImageView::ImageView(cache::CacheDir& cache) : cache_(cache) {
  std::map<util::Digest, std::size_t> known;
  for (const cache::StoredImage& stored : cache.images().list()) {
    const auto [at, is_new] = known.try_emplace(stored.descriptor.digest, images_.size());
    if (is_new) images_.push_back(read_image(cache.content(), stored.descriptor));
    if (!stored.name.empty()) images_[at->second].names.push_back(stored.name);
  }
  for (LocalImage& image : images_) std::ranges::sort(image.names);
  std::ranges::sort(images_, [](const LocalImage& a, const LocalImage& b) {
    if (a.created != b.created) return a.created > b.created;
    const util::Digest id_a = a.id(), id_b = b.id();
    return id_a != id_b ? id_a < id_b : a.descriptor.digest < b.descriptor.digest;
  });
}

const LocalImage* ImageView::find_name(const oci::Reference& name) const {
  if (name.digest.empty()) {
    const std::string full = name.to_string();
    const auto found = std::ranges::find_if(
        images_, [&](const LocalImage& image) { return std::ranges::find(image.names, full) != image.names.end(); });
    return found == images_.end() ? nullptr : &*found;
  }
  const auto in_repository = [&](const std::string& stored) {
    const auto reference = parse_name(stored);
    return reference && reference->name() == name.name();
  };
  for (const LocalImage& image : images_) {
    if (std::ranges::none_of(image.names, in_repository)) continue;
    if (image.descriptor.digest == name.digest) return &image;
    for (const PlatformImage& platform : image.platforms) {
      if (platform.manifest.digest == name.digest) return &image;
    }
  }
  return nullptr;
}

std::vector<const LocalImage*> ImageView::with_digest_prefix(const std::string& hex) const {
  std::vector<const LocalImage*> by_id, by_manifest;
  const auto fits = [&](const util::Digest& digest) { return digest.hex().starts_with(hex); };
  for (const LocalImage& image : images_) {
    const auto names_it = [&](const PlatformImage& platform) { return fits(platform.manifest.digest); };
    if (fits(image.id())) {
      by_id.push_back(&image);
    } else if (fits(image.descriptor.digest) || std::ranges::any_of(image.platforms, names_it)) {
      by_manifest.push_back(&image);
    }
  }
  return by_id.empty() ? by_manifest : by_id;
}

FoundImage ImageView::find(std::string_view argument) const {
  const bool full_digest = argument.starts_with("sha256:");
  const auto name = full_digest ? std::nullopt : parse_name(argument);
  if (name) {
    if (const LocalImage* image = find_name(*name)) {
      return {image, name->digest.empty() ? std::optional(name->to_string()) : std::nullopt};
    }
  }
  const std::string hex(full_digest ? argument.substr(7) : argument);
  if (!is_hex(hex)) throw_not_found(argument);
  const std::vector<const LocalImage*> found = with_digest_prefix(hex);
  if (found.empty()) throw_not_found(argument);
  std::set<std::string> ids;
  for (const LocalImage* image : found) ids.insert(image->id().to_string());
  if (ids.size() == 1) return {found.front(), std::nullopt};
  std::vector<std::string> candidates;
  for (const LocalImage* image : found) {
    if (candidates.size() == kCandidatesShown) break;
    candidates.push_back(image->id().short_hex() +
                         (image->names.empty() ? "" : " (" + familiar(image->names.front()) + ")"));
  }
  throw ImageNotFound(fmt::format("image id `{}` is ambiguous: {} images begin with it", argument, ids.size()),
                      "one of: " + util::join(candidates, ", "));
}

std::vector<FoundImage> ImageView::find_all(std::string_view argument) const {
  const auto name = parse_name(argument);
  if (!name || has_tag_or_digest(argument)) return {find(argument)};
  std::vector<FoundImage> found;
  for (const LocalImage& image : images_) {
    for (const std::string& stored : image.names) {
      const auto reference = parse_name(stored);
      if (reference && reference->digest.empty() && reference->name() == name->name()) found.push_back({&image, stored});
    }
  }
  if (found.empty()) found.push_back(find(argument));
  return found;
}

const PlatformImage& ImageView::find_platform(std::string_view argument, const std::string& wanted) const {
  const LocalImage& image = *find(argument).image;
  if (!image.damage.empty()) {
    throw util::Error(fmt::format("read image `{}`: {}", argument, image.damage),
                      "pull or build it again, or remove it with `builder rmi`");
  }
  const PlatformImage* platform = wanted.empty() ? image.platform() : image.platform(oci::Platform::parse(wanted));
  if (platform != nullptr) return *platform;
  std::vector<std::string> present;
  for (const PlatformImage& one : image.platforms) {
    if (one.present && !one.attestation) present.push_back(one.platform.to_string());
  }
  throw util::Error(
      fmt::format("image `{}` is not here for {}", argument, wanted.empty() ? "any platform" : "platform " + wanted),
      present.empty() ? "pull it" : "here is: " + util::join(present, ", "));
}

void ImageView::throw_not_found(std::string_view argument) const {
  const auto name = parse_name(argument);
  if (!name && !argument.starts_with("sha256:") && !is_hex(argument)) (void)oci::Reference::parse(argument);  // says what is wrong
  std::vector<std::string> familiar_names, same_repository;
  for (const LocalImage& image : images_) {
    for (const std::string& stored : image.names) {
      familiar_names.push_back(familiar(stored));
      const auto reference = parse_name(stored);
      if (name && reference && reference->name() == name->name()) same_repository.push_back(familiar_names.back());
    }
  }
  const std::string shown = name && !argument.starts_with("sha256:") ? name->familiar() : std::string(argument);
  std::string hint = "`builder images` lists the images of this store";
  if (!same_repository.empty()) {
    same_repository.resize(std::min(same_repository.size(), kCandidatesShown));
    hint = "this store has: " + util::join(same_repository, ", ");
  } else if (const auto near = util::suggest(shown, familiar_names)) {
    hint = fmt::format("did you mean {}?", *near);
  }
  throw ImageNotFound("No such image: " + shown, hint);
}

std::vector<const LocalImage*> ImageView::with_id(const util::Digest& id) const {
  std::vector<const LocalImage*> found;
  for (const LocalImage& image : images_) {
    if (image.id() == id) found.push_back(&image);
  }
  return found;
}

oci::ImageConfig ImageView::config(const PlatformImage& platform) const {
  return oci::image_config_from_json(config_text(platform));
}

std::string ImageView::config_text(const PlatformImage& platform) const {
  return cache_.content().read(platform.config.digest);
}

std::uint64_t ImageView::layer_size(const oci::Descriptor& layer, const util::Digest& diff_id) const {
  cache::RecordStore& records = cache_.records();
  const auto packed = records.find_blob(layer.digest);
  const auto row = records.find_layer(packed ? packed->layer : diff_id);
  if (row && (row->has_listing || row->size != 0)) return row->size;
  const std::string fact = "unpacked-size/" + layer.digest.to_string();
  if (const auto known = records.find_fact(fact)) {
    std::uint64_t size = 0;
    const char* end = known->first.data() + known->first.size();
    if (std::from_chars(known->first.data(), end, size).ptr == end) return size;
  }
  if (!cache_.content().contains(layer.digest))
    return static_cast<std::uint64_t>(std::max<std::int64_t>(layer.size, 0));
  const std::uint64_t size = unpacked_size(cache_.content(), layer.digest);
  records.save_fact(fact, std::to_string(size));
  return size;
}

std::vector<std::uint64_t> ImageView::layer_sizes(const PlatformImage& platform) const {
  const std::vector<util::Digest> diff_ids = config(platform).diff_ids;
  std::vector<std::uint64_t> sizes;
  for (std::size_t i = 0; i != platform.layers.size(); ++i) {
    sizes.push_back(layer_size(platform.layers[i], i < diff_ids.size() ? diff_ids[i] : util::Digest()));
  }
  return sizes;
}

std::uint64_t ImageView::size(const LocalImage& image) const {
  std::uint64_t total = 0;
  if (const PlatformImage* shown = image.platform()) {
    for (const std::uint64_t size : layer_sizes(*shown)) total += size;
  }
  return total;
}

}  // namespace builder
