#pragma once

#include <string>
#include <vector>

#include "executor/executor.h"
#include "llb/op.h"
#include "solver/op.h"

namespace ops {

/// Which devices steps may use (`--allow device[=NAME]`), besides those whose specification allows itself.
struct DevicePolicy {
  bool all = false;
  std::vector<std::string> names;  ///< a device, a kind, or a class
};

/// Adds the devices that a step asks for to its mounts and environment. One that is not there is left out, unless it is
/// required. Throws util::Error for that, and for a device that may not be used. What of a device cannot be had in a
/// sandbox (its hooks) is warned about.
void add_devices(const llb::ExecOp& op, const DevicePolicy& policy, executor::MountPlan& plan,
                 std::vector<std::string>& environment, solver::OpContext& context);

}  // namespace ops
