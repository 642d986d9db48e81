#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "util/digest.h"
#include "util/fs.h"
#include "util/time.h"

namespace cache {

/// Digests of the files of one directory tree, remembered with what lstat said: a file is not read again while device,
/// inode, ctime, mtime and size are the same. Entries whose ctime is not older than a tenth of a second before they were
/// hashed are not trusted (racy timestamps, as git does); two seconds where the file system's times look coarse. One flat
/// file per tree, mapped at once; what is new goes into a file without a name, which takes its place at `save`, so that
/// memory holds little of it. Thread-safe; of two processes that save, the last one wins.
class StatCache {
 public:
  /// `directory` is where the cache files live; `tree` is the absolute path of the tree.
  StatCache(const std::filesystem::path& directory, const std::filesystem::path& tree);
  ~StatCache();
  std::optional<util::Digest> find(const std::string& path, const util::FileStat& stat) const;
  /// `since`: when reading it began. Whether it is trusted, and entered; where the disk is full (logged, once) nothing
  /// more is remembered.
  bool put(const std::string& path, const util::FileStat& stat, const util::Digest& digest,
           util::Nanoseconds since = util::now_nanoseconds());
  /// Writes if anything changed; failures are logged, never thrown.
  void save() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace cache
