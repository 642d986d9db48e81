#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "util/fd.h"

namespace executor {

/// Finds the places to mount on, and makes those that are missing, inside one root. What it made ("stubs") is taken
/// away again by `remove_stubs`.
class MountPoints {
 public:
  explicit MountPoints(int root_fd) : root_fd_(root_fd) {}

  /// O_PATH descriptor of `target`, links followed inside the root. A missing one is made as a directory (0755) or
  /// empty file (0644), with its parents; `temporary` says whether to remember them as stubs.
  util::Fd open(const std::string& target, bool directory, bool temporary);
  /// The same, but nothing is made: an invalid Fd when it does not exist.
  util::Fd find(const std::string& target) const;
  /// Directory descriptor of the parent (made when missing) for making a node `name` in it.
  util::Fd open_parent(const std::string& target, std::string& name, bool temporary);

  std::size_t stub_count() const { return stubs_.size(); }
  /// Removes the stubs from `first` on that are still empty, the last made first; their directories keep the times
  /// they have. What is mounted on them must be gone. Never throws: a stub that cannot be removed stays.
  void remove_stubs(std::size_t first) noexcept;

 private:
  struct Stub {
    std::string parent, name;  ///< resolved; relative to the root
    bool directory = false;
  };
  util::Fd open_or_make(const std::string& target, bool directory, bool temporary);
  void make(const std::string& parent, const std::string& name, bool directory, bool temporary);
  void remove_stub(const Stub& stub) noexcept;

  int root_fd_;
  std::vector<Stub> stubs_;
};

}  // namespace executor
