#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include "cache/stat_cache.h"
#include "cache/tree.h"
#include "source/seen_directories.h"
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
  /// `stats` remembers digests. `spill_directory`, `in_memory`: where what is known of a large tree is kept (SeenDirectories).
  /// Throws util::Error when `directory` is no directory.
  LocalTree(const std::filesystem::path& directory, std::vector<std::string> exclude,
            std::shared_ptr<cache::StatCache> stats, std::filesystem::path spill_directory = {},
            std::size_t in_memory = SeenDirectories::kInMemory);
  ~LocalTree() override;

  std::optional<oci::LayerEntry> find(const std::string& path) const override;
  std::vector<std::string> list(const std::string& path) const override;
  std::vector<oci::LayerEntry> entries(const std::string& path) const override;
  /// Looks at everything below, on all cores but one, which is for whoever walks; in the thread that is returned from the first
  /// level on that has many directories.
  std::jthread prefetch(const std::string& path, std::function<bool(const std::string& directory)> skip) const override;
  std::unique_ptr<util::Reader> open(const std::string& path) const override;
  util::Digest content_digest(const std::string& path, const std::stop_token& stop = {}) const override;
  std::optional<util::Digest> known_digest(const std::string& path) const override;
  std::string place() const override { return "directory `" + name_ + "`"; }
  std::optional<std::string> hidden_by(const std::string& path) const override;
  std::shared_ptr<const cache::Tree> unseen() const override;

 private:
  /// The same directory, as if it had just been opened.
  LocalTree(const LocalTree& like);
  class UnhashedReader;
  using Stat = std::optional<util::FileStat>;

  SeenDirectories::Held directory(const std::string& path) const { return directories_.hold(path); }
  void make_listed(const SeenDirectories::Held& directory, const std::string& path, bool with_stats) const;
  void list_names(SeenDirectories::Directory& directory, int fd) const;

  /// Paths of directories, none below another; what is in them is found at the same time.
  using Level = std::vector<std::string>;
  Level next_level(const Level& level, const std::function<bool(const std::string& directory)>& skip,
                   const std::stop_token& stop = {}) const;
  void look_below(Level waiting, const std::function<bool(const std::string& directory)>& skip, const std::stop_token& stop) const;

  Stat stat(const std::string& path) const;
  bool visible(const std::string& path, util::FileType type) const;
  bool compute_visible(const std::string& path, util::FileType type) const;
  bool anything_visible_below(const std::string& path) const;
  /// Calls `f(names, name)` for each that is visible; its stat is known, or with `with_stats` false at least its type.
  template <typename F>
  void for_each_visible(const std::string& path, bool with_stats, const F& f) const;
  oci::LayerEntry entry(std::string path, const SeenName& seen, std::string_view link_target) const;
  util::Fd open_path(const std::string& path, int flags) const;
  util::Fd open_file(const std::string& path) const;
  std::shared_ptr<util::Fd> last_directory(std::string path) const;
  util::Digest hash(const std::string& path, const std::stop_token& stop) const;
  /// Notes the digest of what was read of a file; it counts for the life of the tree. Later builds are told of it only
  /// if the file is still the one that was looked at (`same`). `since`: when reading it began.
  util::Digest remember(const std::string& path, const util::FileStat& stat, const util::Digest& digest, bool same,
                        util::Nanoseconds since) const;
  std::string other_name(const std::string& path, const util::FileStat& stat) const;

  std::string name_;
  util::Fd root_;
  std::shared_ptr<const util::PatternMatcher> exclude_;
  bool filtered_ = false;
  std::shared_ptr<cache::StatCache> stats_;
  Stat root_stat_;
  mutable util::Sync<std::unordered_set<std::string>> prefetched_{};
  /// Where a file was opened last; `fd` from the second one on.
  struct LastDirectory {
    std::string path;
    std::shared_ptr<util::Fd> fd;
  };
  mutable util::Sync<LastDirectory> last_directory_{};
  std::filesystem::path spill_directory_;
  std::size_t in_memory_;
  mutable SeenDirectories directories_;
  /// Device and inode of files with several names -> the name that was asked for first.
  mutable util::Sync<std::map<std::pair<std::uint64_t, std::uint64_t>, std::string>> first_names_{};
};

}  // namespace source
