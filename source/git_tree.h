#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/local_tree.h"

namespace source {

/// A checkout as the build sees it: modes as with the usual umask of 022, whatever it was when git ran.
class GitTree final : public cache::Tree {
 public:
  /// `commit_time` in seconds: files then carry that time, not the one of their checkout. `place` is for messages.
  GitTree(const std::filesystem::path& directory, std::shared_ptr<cache::StatCache> stats,
          std::optional<std::int64_t> commit_time, std::string place)
      : files_(directory, {}, std::move(stats)), commit_time_(commit_time), place_(std::move(place)) {}

  std::optional<oci::LayerEntry> find(const std::string& path) const override;
  std::vector<std::string> list(const std::string& path) const override { return files_.list(path); }
  std::unique_ptr<util::Reader> open(const std::string& path) const override { return files_.open(path); }
  util::Digest content_digest(const std::string& path, const std::stop_token& stop = {}) const override {
    return files_.content_digest(path, stop);
  }
  std::optional<util::Digest> known_digest(const std::string& path) const override { return files_.known_digest(path); }
  std::string place() const override { return place_; }

 private:
  LocalTree files_;
  std::optional<std::int64_t> commit_time_;
  std::string place_;
};

}  // namespace source
