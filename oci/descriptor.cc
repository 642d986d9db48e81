#include "oci/descriptor.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "oci/descriptor_json.h"
#include "util/error.h"

namespace oci {

using nlohmann::json;
using nlohmann::ordered_json;

ordered_json to_ordered_json(const Descriptor& descriptor) {
  ordered_json value = ordered_json::object();
  value["mediaType"] = descriptor.media_type;
  value["digest"] = descriptor.digest.to_string();
  value["size"] = descriptor.size;
  if (!descriptor.urls.empty()) value["urls"] = descriptor.urls;
  if (!descriptor.annotations.empty()) value["annotations"] = descriptor.annotations;
  if (descriptor.platform) {
    ordered_json platform = ordered_json::object();
    platform["architecture"] = descriptor.platform->architecture;
    platform["os"] = descriptor.platform->os;
    if (!descriptor.platform->os_version.empty()) platform["os.version"] = descriptor.platform->os_version;
    if (!descriptor.platform->variant.empty()) platform["variant"] = descriptor.platform->variant;
    value["platform"] = std::move(platform);
  }
  return value;
}

json to_json(const Descriptor& descriptor) {
  return to_ordered_json(descriptor);
}

Platform read_platform(const JsonFields& fields) {
  Platform platform;
  platform.os = fields.text("os");
  platform.architecture = fields.text("architecture");
  platform.variant = fields.text("variant");
  platform.os_version = fields.text("os.version");
  return platform;
}

Descriptor read_descriptor(const JsonFields& fields) {
  Descriptor descriptor;
  descriptor.media_type = fields.text("mediaType");
  std::string digest = fields.text("digest");
  if (digest.empty()) fields.refuse("digest", "missing");
  auto parsed = util::Digest::find(digest);
  if (!parsed) fields.refuse("digest", fmt::format("`{}` is not a digest", digest));
  descriptor.digest = *parsed;
  if (!fields.has("size")) fields.refuse("size", "missing");
  descriptor.size = fields.integer("size");
  if (descriptor.size < 0) fields.refuse("size", "must not be negative");
  descriptor.urls = fields.texts("urls");
  descriptor.annotations = fields.text_map("annotations");
  if (fields.has("platform")) descriptor.platform = read_platform(fields.object("platform"));
  return descriptor;
}

Descriptor descriptor_from_json(const json& value) {
  return read_descriptor(JsonFields(value, "descriptor"));
}

bool is_index(std::string_view media_type) {
  return media_type == kOciIndex || media_type == kDockerIndex;
}

bool is_manifest(std::string_view media_type) {
  return media_type == kOciManifest || media_type == kDockerManifest;
}

std::string layer_media_type(util::Compression compression, bool docker) {
  std::string base(docker ? kDockerLayer : kOciLayer);
  if (compression == util::Compression::none) return base;
  return base + (docker ? '.' : '+') + std::string(compression == util::Compression::zstd ? "zstd" : "gzip");
}

util::Compression layer_compression(std::string_view media_type) {
  if (media_type.ends_with("+zstd") || media_type.ends_with(".zstd")) return util::Compression::zstd;
  if (media_type.ends_with("gzip")) return util::Compression::gzip;
  return util::Compression::none;
}

}  // namespace oci
