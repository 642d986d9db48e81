#pragma once

#include <filesystem>
#include <optional>

#include "util/fd.h"
#include "util/temp.h"

namespace exporter {

/// Locks a directory with flock(2), waiting until nobody else has the lock: no file is left behind, as with a lock file.
/// The lock goes with the descriptor, or with the process. Throws util::SystemError.
util::Fd lock_directory(const std::filesystem::path& directory);

/// A directory that appears at its path whole or not at all: filled under another name beside it, then renamed. It is
/// locked meanwhile, so that what a killed process left there is told apart: whoever writes to the same path next
/// deletes that.
class [[nodiscard]] OutputDirectory {
 public:
  /// Makes the directory under its other name, and the parents of `path`, which must be absolute. Throws
  /// util::SystemError.
  explicit OutputDirectory(std::filesystem::path path);
  /// Where to write.
  const std::filesystem::path& path() const { return temporary_->path(); }
  /// Puts it at its path. Throws util::SystemError, for example when there is one that is not empty.
  void finish();

 private:
  std::filesystem::path path_;
  std::optional<util::TempDir> temporary_;  ///< deleted unless finished
  util::Fd lock_;
};

}  // namespace exporter
