#pragma once

#include <algorithm>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "oci/image_resolver.h"
#include "util/error.h"

namespace test {

/// Knows just the images it was told of; remembers what it was asked for.
class FixedImageResolver : public oci::ImageResolver {
 public:
  /// `reference` as the frontend asks for it: "docker.io/library/busybox:latest", or the path of a layout. The digests
  /// are made from the name.
  void add(const std::string& reference, oci::ImageConfig config) { images_[reference] = std::move(config); }

  oci::ResolvedImage resolve(const oci::ImageLocation& location, const oci::Platform& platform) override {
    const bool layout = location.kind == oci::ImageLocation::Kind::layout;
    const std::string name = layout ? location.layout_path : location.reference;
    const std::scoped_lock lock(mutex_);
    asked_.push_back(name + " " + platform.to_string());
    const auto found = images_.find(name);
    if (found == images_.end()) throw util::Error("pull `" + name + "`: not found");
    return {location, util::sha256_of(name + platform.to_string()), util::sha256_of(name), found->second};
  }

  /// "reference platform" of every call, sorted.
  std::vector<std::string> asked() const {
    const std::scoped_lock lock(mutex_);
    std::vector<std::string> sorted = asked_;
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, oci::ImageConfig> images_;
  std::vector<std::string> asked_;
};

/// The config of a small image: one layer, PATH and a command.
inline oci::ImageConfig small_image(std::vector<std::string> cmd = {"sh"}) {
  oci::ImageConfig config;
  config.created = "2023-11-14T22:13:20Z";
  config.platform = {"linux", "amd64", "", ""};
  config.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
  config.cmd = std::move(cmd);
  config.diff_ids = {util::sha256_of("layer")};
  config.history = {{"2023-11-14T22:13:20Z", "base", "", "", false}};
  return config;
}

}  // namespace test
