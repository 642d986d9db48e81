#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/unit/cache/fixture.h"

namespace test {

inline cache::CommitOptions packed(bool directory = false) {
  cache::CommitOptions options;
  options.pack = cache::PackOptions{};
  options.directory = directory;
  return options;
}

inline LayerFiles sample() {
  LayerFiles files;
  files.add(directory_entry("d", 0750))
      .file("d/a", "hello")
      .file("d/b", std::string(300000, 'x'), 0755)
      .add(link_entry("l", "d/a"));
  return files;
}

inline std::string names(const std::vector<oci::LayerEntry>& entries) {
  std::string text;
  for (const oci::LayerEntry& entry : entries) text += (text.empty() ? "" : " ") + entry.path;
  return text;
}

inline int count_in(const std::filesystem::path& directory) {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++count;
  return count;
}

/// The blob of a layer as if it had been pulled: its id there is its diff id.
struct Pulled {
  oci::Descriptor descriptor;
  cache::LayerId id;
  std::string bytes;
};

inline Pulled make_pulled(const LayerFiles& files) {
  Stores origin;
  cache::LayerId built = origin.commit(files, packed());
  cache::LayerBlob blob = origin.layers->blob(built, {}, false);
  Pulled pulled{blob.descriptor, blob.diff_id, origin.content.read(blob.descriptor.digest)};
  pulled.descriptor.media_type = "application/vnd.docker.image.rootfs.diff.tar.gzip";
  return pulled;
}

inline void serve(Stores& stores, const Pulled& pulled, int& fetches) {
  stores.layers->set_fetcher(
      [&](const oci::Descriptor& descriptor, const std::string& origin, util::ProgressTask*, std::stop_token) {
        CHECK(origin == "registry/x");
        CHECK(descriptor.digest == pulled.descriptor.digest);
        ++fetches;
        stores.content.put(pulled.bytes);
      });
}

}  // namespace test
