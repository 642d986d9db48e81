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

/// What can be said about a --mount value before expansion: the CSV is well-formed and `from` has no variable.
/// Throws util::Error.
void check_mount_flag(std::string_view text);

/// A `RUN --device` value: `name[,required[=bool]]` or `name=…`. Throws util::Error.
llb::Device parse_device_flag(std::string_view text);

}  // namespace dockerfile
