#include "oci/descriptor.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "util/error.h"

namespace {

nlohmann::json sample() {
  return {{"mediaType", oci::kOciLayer}, {"digest", "sha256:" + std::string(64, '1')}, {"size", 7}};
}

std::string refusal(const nlohmann::json& value) {
  try {
    oci::descriptor_from_json(value);
  } catch (const util::Error& error) {
    return error.message();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a descriptor survives being written and read") {
  oci::Descriptor descriptor = oci::descriptor_from_json(sample());
  descriptor.platform = oci::Platform{"linux", "arm", "v6", ""};
  descriptor.annotations["a"] = "b";
  descriptor.urls = {"https://example.com/x"};
  oci::Descriptor again = oci::descriptor_from_json(oci::to_json(descriptor));
  CHECK(again.digest == descriptor.digest);
  CHECK(again.size == 7);
  CHECK(again.platform == descriptor.platform);
  CHECK(again.annotations == descriptor.annotations);
  CHECK(again.urls == descriptor.urls);
}

TEST_CASE("a wrong descriptor is refused with the field") {
  for (const char* field : {"digest", "size"}) {
    nlohmann::json value = sample();
    value.erase(field);
    CHECK(refusal(value) == std::string("parse descriptor: ") + field + ": missing");
  }
  nlohmann::json value = sample();
  value["size"] = "7";
  CHECK(refusal(value) == "parse descriptor: size: must be an integer");
  value["size"] = -1;
  CHECK(refusal(value) == "parse descriptor: size: must not be negative");
  value["size"] = 18446744073709551615u;
  CHECK(refusal(value) == "parse descriptor: size: must be an integer");
  value = sample();
  value["digest"] = "sha256:../../etc/passwd";
  CHECK(refusal(value) == "parse descriptor: digest: `sha256:../../etc/passwd` is not a digest");
  CHECK(refusal(nlohmann::json::array()) == "parse descriptor: must be an object");
}

TEST_CASE("layer media types name their compression") {
  using util::Compression;
  CHECK(oci::layer_media_type(Compression::gzip) == "application/vnd.oci.image.layer.v1.tar+gzip");
  CHECK(oci::layer_media_type(Compression::zstd) == "application/vnd.oci.image.layer.v1.tar+zstd");
  CHECK(oci::layer_media_type(Compression::none) == "application/vnd.oci.image.layer.v1.tar");
  CHECK(oci::layer_media_type(Compression::gzip, true) == "application/vnd.docker.image.rootfs.diff.tar.gzip");
  for (Compression compression : {Compression::none, Compression::gzip, Compression::zstd}) {
    CHECK(oci::layer_compression(oci::layer_media_type(compression)) == compression);
    CHECK(oci::layer_compression(oci::layer_media_type(compression, true)) == compression);
  }
  CHECK(oci::layer_compression("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip") == Compression::gzip);
}
