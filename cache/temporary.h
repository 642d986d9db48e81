#pragma once

#include <filesystem>

#include "util/fd.h"

namespace cache {

/// A directory for the temporaries of this process, below tmp/ of the cache root. It holds an flock on it while it
/// lives; directories there that nobody has locked belong to dead processes and are deleted when the next one is made.
class [[nodiscard]] ProcessTemporary {
 public:
  /// Makes `parent`/<pid>-<random>. Throws util::SystemError.
  explicit ProcessTemporary(const std::filesystem::path& parent);
  ProcessTemporary(ProcessTemporary&&) = delete;
  ~ProcessTemporary();
  const std::filesystem::path& path() const { return path_; }

 private:
  void sweep(const std::filesystem::path& parent) noexcept;

  std::filesystem::path path_;
  util::Fd lock_;
};

}  // namespace cache
