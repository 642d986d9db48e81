#pragma once

#include <cstdlib>
#include <functional>
#include <memory>
#include <string>

#include "oci/image.h"
#include "oci/registry.h"
#include "tests/support/http_server.h"
#include "tests/support/test_dir.h"
#include "util/error.h"
#include "util/text.h"

/// What the tests of the registry client share.
namespace test {

inline const std::string kManifest =
    R"({"schemaVersion":2,"config":{"digest":"sha256:)" + std::string(64, '0') + R"(","size":2},"layers":[]})";

/// Points the credential look-up at a directory of the test.
class DockerConfig {
 public:
  explicit DockerConfig(const std::string& text = "{}") {
    directory_.write("config.json", text);
    setenv("DOCKER_CONFIG", directory_.path().c_str(), 1);
  }
  ~DockerConfig() { unsetenv("DOCKER_CONFIG"); }

 private:
  TestDir directory_;
};

inline std::string auths(const std::string& host, const std::string& user, const std::string& password) {
  return R"({"auths":{")" + host + R"(":{"auth":")" + util::base64_encode(user + ":" + password) + R"("}}})";
}

inline oci::Descriptor descriptor_of(const std::string& text) {
  oci::Descriptor blob;
  blob.media_type = oci::kOciLayer;
  blob.digest = util::sha256_of(text);
  blob.size = static_cast<std::int64_t>(text.size());
  return blob;
}

inline oci::ManifestBytes manifest_of(const std::string& text) {
  oci::ManifestBytes manifest{descriptor_of(text), text};
  manifest.descriptor.media_type = oci::kOciManifest;
  return manifest;
}

inline std::function<std::unique_ptr<util::Reader>()> reader_of(const std::string& text) {
  return [text] { return std::make_unique<util::StringReader>(text); };
}

inline std::string fetch(oci::RegistryClient& client, const oci::Reference& reference, const oci::Descriptor& blob,
                         const oci::TransferProgress& progress = {}) {
  util::StringWriter out;
  util::HashingWriter hashing(out);
  client.fetch_blob(reference, blob, hashing, progress);
  return out.take();
}

inline std::string text_of_size(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i) + " ";
  text.resize(size);
  return text;
}

template <typename F>
oci::RegistryError refusal(F&& f) {
  try {
    f();
  } catch (const oci::RegistryError& error) {
    return error;
  } catch (const util::Error& error) {
    return {oci::RegistryError::Kind::refused, "util::Error: " + error.message()};
  }
  return {oci::RegistryError::Kind::refused, "accepted"};
}

inline HttpAnswer manifest_answer() {
  return {200,
          {{"Content-Type", std::string(oci::kOciManifest)},
           {"Docker-Content-Digest", util::sha256_of(kManifest).to_string()}},
          kManifest,
          {}};
}

}  // namespace test
