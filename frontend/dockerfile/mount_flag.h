#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "llb/op.h"

namespace dockerfile {

/// A `RUN --mount` value after expansion. `from` names a stage, image or named context; it becomes
/// `spec.input` when the instruction is lowered.
struct MountFlag {
  llb::MountSpec spec;             ///< target not yet joined to WORKDIR; secret/ssh/cache defaults filled in
  bool has_target = false;
  std::string from;
};

/// Parses the CSV grammar of FEATURES.md 1.7; `expand` is applied to every value but `from`. Throws util::Error with suggestions.
MountFlag parse_mount_flag(std::string_view text, const std::function<std::string(std::string_view)>& expand);

}  // namespace dockerfile
