#pragma once

#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>
#include <vector>

#include "cache/cache_dir.h"
#include "cache/layered_tree.h"
#include "oci/descriptor.h"
#include "oci/image.h"
#include "tools/images/image_view.h"

namespace builder {

/// A layer of an image, with the instruction that made it.
struct DiffLayer {
  oci::Descriptor blob;
  util::Digest diff_id;
  std::string created_by;
  std::uint64_t size = 0;  ///< unpacked
  cache::Listing listing;
};

/// One side of a comparison.
struct DiffSide {
  std::string name;  ///< as it was given
  util::Digest id;
  std::string config;  ///< JSON
  std::vector<DiffLayer> layers;
};

/// Loads all that is compared. Unpacks (and fetches) layers whose files are not known yet. Throws util::Error,
/// Cancelled.
DiffSide load_diff_side(const ImageView& view, cache::CacheDir& cache, const std::string& name,
                        const std::string& platform, std::stop_token stop);

/// What `to` has other than `from`:
///   From, To {Name, Id};
///   Config [{Field, From, To}] (Field "Cmd", "Env.PATH", "Labels.a"; null = not there);
///   Layers {Common, Removed [layer], Added [layer]}, a layer being {Digest, CreatedBy, Size};
///   Files [{Path, Change, What, From, To, Layer, CreatedBy}]: Change added, changed, removed; What differs ("content",
///   "mode", "owner", "type", "target", "xattrs"); sizes in bytes; the layer and instruction of `to` that did it, or,
///   for a file that was in a layer which `to` does not have, that one of `from`.
/// Times play no part. Pure.
nlohmann::ordered_json diff_images(const DiffSide& from, const DiffSide& to);

bool has_differences(const nlohmann::ordered_json& diff);

/// The same for people.
std::string describe_diff(const nlohmann::ordered_json& diff);

}  // namespace builder
