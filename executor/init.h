#pragma once

#include <string>
#include <vector>

#include "util/fd.h"

namespace executor {

/// What the builder hands to a new init: descriptors only.
struct InitDescriptors {
  util::Fd plan;                  ///< memory file with the encoded plan
  util::Fd output, error;         ///< streams 1 and 2 of the process
  util::Fd report;                ///< pipe for the InitReport
  util::Fd life;                  ///< pipe that ends when the builder is gone, or wants the sandbox gone
  std::vector<util::Fd> cgroups;  ///< cgroup.procs files to join
};

/// Body of pid 1 of a sandbox: makes the mounts, runs the process, reaps, tidies up, reports. Single-threaded, in new
/// namespaces.
[[noreturn]] void run_init(InitDescriptors descriptors);

}  // namespace executor
