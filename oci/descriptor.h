#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oci/platform.h"
#include "util/compression.h"
#include "util/digest.h"

namespace oci {

inline constexpr std::string_view kOciIndex = "application/vnd.oci.image.index.v1+json";
inline constexpr std::string_view kOciManifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view kOciConfig = "application/vnd.oci.image.config.v1+json";
inline constexpr std::string_view kOciLayer = "application/vnd.oci.image.layer.v1.tar";
inline constexpr std::string_view kDockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view kDockerConfig = "application/vnd.docker.container.image.v1+json";
inline constexpr std::string_view kDockerLayer = "application/vnd.docker.image.rootfs.diff.tar";

/// image-spec descriptor.md.
struct Descriptor {
  std::string media_type;
  util::Digest digest;
  std::int64_t size = 0;
  std::map<std::string, std::string> annotations;
  std::optional<Platform> platform;
  std::vector<std::string> urls;
};

nlohmann::json to_json(const Descriptor& descriptor);
/// The same with the members in the order in which Go programs write them.
nlohmann::ordered_json to_ordered_json(const Descriptor& descriptor);
/// Throws util::Error naming the missing or wrong field.
Descriptor descriptor_from_json(const nlohmann::json& value);

bool is_index(std::string_view media_type);
bool is_manifest(std::string_view media_type);
/// OCI or Docker layer type of a compression.
std::string layer_media_type(util::Compression compression, bool docker = false);
/// Compression that a layer's media type names; gzip for unknown "+gzip"/".gzip" suffixes, none otherwise.
util::Compression layer_compression(std::string_view media_type);

}  // namespace oci
