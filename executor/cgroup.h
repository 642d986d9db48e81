#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "executor/executor.h"
#include "util/fd.h"

namespace executor {

/// Where this process is in the cgroup file systems.
struct CgroupLayout {
  bool unified = false;
  /// Version 2: one entry with empty controllers. Version 1: one per hierarchy.
  struct Hierarchy {
    std::vector<std::string> controllers;
    std::filesystem::path mount_point;  ///< "/sys/fs/cgroup/memory"
    std::string own_path;               ///< of this process, below it: "/user.slice"
  };
  std::vector<Hierarchy> hierarchies;
};
/// Pure: from the texts of /proc/self/cgroup and /proc/self/mountinfo.
CgroupLayout find_cgroup_layout(std::string_view own_cgroups, std::string_view mountinfo);

/// A file of a cgroup and what is written to it.
struct CgroupSetting {
  std::string controller, file, value;
  bool operator==(const CgroupSetting&) const = default;
};
/// Pure: limits in the words of version 1 or 2.
std::vector<CgroupSetting> cgroup_settings(const ResourceLimits& limits, bool unified);

/// The cgroup of one step: made with its limits, removed by the destructor.
class StepCgroup {
 public:
  /// Throws util::Error: which limit, why it cannot be set, what to do.
  StepCgroup(const ResourceLimits& limits, const std::string& name);
  ~StepCgroup();
  StepCgroup(const StepCgroup&) = delete;
  StepCgroup& operator=(const StepCgroup&) = delete;

  /// Open cgroup.procs files: who writes "0" there, joins.
  std::vector<util::Fd> open_process_files() const;
  /// Whether the kernel killed something in it for lack of memory.
  bool out_of_memory() const;

 private:
  void make_in(const CgroupLayout::Hierarchy& hierarchy, const std::vector<CgroupSetting>& settings,
               const ResourceLimits& limits, const std::string& name, bool unified);
  void remove() noexcept;
  std::vector<std::filesystem::path> made_;  ///< one per hierarchy
  std::filesystem::path memory_;             ///< the one that counts memory; may be empty
  bool unified_ = false;
};

}  // namespace executor
