#pragma once

#include "executor/executor.h"
#include "solver/ops/exec_devices.h"
#include "solver/ops/secret_store.h"
#include "tools/builder/build_options.h"

namespace builder {

// What flags say about the processes of RUN. Every function throws UsageError naming flag and value.

/// --secret, --ssh. Throws util::Error for a key or socket that cannot be used.
ops::SecretStore make_secret_store(const BuildOptions& options);
/// --resource, and -m, --cpu-shares, ... which mean the same.
executor::ResourceLimits make_resource_limits(const BuildOptions& options);
/// --allow device[=NAME].
ops::DevicePolicy make_device_policy(const BuildOptions& options);

}  // namespace builder
