#pragma once

#include <string>
#include <vector>

#include "frontend/dockerfile/compile_context.h"
#include "llb/op.h"

namespace dockerfile {

/// The --mount flags of a RUN, ready for its op.
struct Mounts {
  std::vector<llb::MountSpec> specs;
  std::vector<llb::VertexRef> inputs;         ///< of the vertex; the first is the stage's root
  std::vector<std::string> secret_variables;  ///< whose values nobody may see
  std::string ssh_socket;                     ///< for SSH_AUTH_SOCK; empty = none
};

Mounts lower_mounts(Step& step, const RunInstruction& run);

}  // namespace dockerfile
