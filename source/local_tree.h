#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "cache/stat_cache.h"
#include "cache/tree.h"
#include "util/fd.h"
#include "util/fs.h"
#include "util/pattern.h"
#include "util/sync.h"

namespace source {

/// A directory of this machine as a tree, read in place: owners 0:0, no xattrs, sockets as empty files, ignore patterns
/// applied, links never followed. An entry is looked at when it is asked for, once; what was seen stays as it was seen
/// for the life of the tree. Thread-safe.
class LocalTree final : public cache::Tree {
 public:
  /// `stats` remembers digests. Throws util::Error when `directory` is no directory.
  LocalTree(const std::filesystem::path& directory, std::vector<std::string> exclude,
            std::shared_ptr<cache::StatCache> stats);
  ~LocalTree() override;

  std::optional<oci::LayerEntry> find(const std::string& path) const override;
  std::vector<std::string> list(const std::string& path) const override;
  std::unique_ptr<util::Reader> open(const std::string& path) const override;
  util::Digest content_digest(const std::string& path) const override;
  std::string place() const override { return "directory `" + name_ + "`"; }
  std::optional<std::string> hidden_by(const std::string& path) const override;

 private:
  using Stat = std::optional<util::FileStat>;
  /// What is known of one path; members are filled when they are needed.
  struct Node {
    std::optional<Stat> stat;  ///< of what is there, hidden or not
    std::optional<bool> visible;
    std::optional<std::string> link_target;
    std::optional<util::Digest> digest;
    std::shared_ptr<const std::vector<util::DirEntry>> children;  ///< hidden ones too
  };
  struct Shard {
    // A bare mutex: a shard is only a part of the map, and is never held while the file system is asked.
    std::mutex mutex;
    std::unordered_map<std::string, Node> nodes;
  };

  Node known(const std::string& path) const;
  template <typename Change>
  void remember(const std::string& path, Change change) const;

  Stat stat(const std::string& path) const;
  bool visible(const std::string& path, const util::FileStat& stat) const;
  bool compute_visible(const std::string& path, const util::FileStat& stat) const;
  bool anything_visible_below(const std::string& path) const;
  std::shared_ptr<const std::vector<util::DirEntry>> children(const std::string& path) const;
  oci::LayerEntry entry(const std::string& path, const util::FileStat& stat) const;
  util::Fd open_path(const std::string& path, int flags) const;
  util::Digest hash(const std::string& path) const;
  std::string other_name(const std::string& path, const util::FileStat& stat) const;

  std::string name_;
  util::Fd root_;
  util::PatternMatcher exclude_;
  bool filtered_ = false;
  std::shared_ptr<cache::StatCache> stats_;
  mutable std::array<Shard, 16> shards_;
  /// Device and inode of files with several names -> the name that was asked for first.
  mutable util::Sync<std::map<std::pair<std::uint64_t, std::uint64_t>, std::string>> first_names_{};
};

}  // namespace source
