#pragma once

#include <string>

namespace executor {

/// How this process stands with the kernel after `enter_user_namespace_if_needed`.
struct Privilege {
  bool real_root = false;          ///< root with CAP_SYS_ADMIN, no user namespace made
  bool in_user_namespace = false;
  /// Not empty: no sandbox can be made, and this is why and what to do; builds without RUN still work.
  std::string problem;
};

/// Decides once, before any thread exists. Root with CAP_SYS_ADMIN: a private mount namespace. Otherwise: a user namespace (uid 0 = the caller,
/// 1.. = the subordinate ids of /etc/subuid and /etc/subgid through newuidmap and newgidmap; with none, just the own id) and a private mount
/// namespace, entered by the process itself; from then on the rest of the code is the same for both. Never throws: what
/// is missing is said in `problem`.
Privilege enter_user_namespace_if_needed();
/// What the call above found.
const Privilege& privilege();

}  // namespace executor
