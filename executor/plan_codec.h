#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "executor/mount_plan.h"
#include "util/process.h"

namespace executor {

/// The plan as bytes for the init, which is this very program: every RUN waits for the decoding, so there are neither
/// names nor versions in them.
std::string encode_plan(const SandboxPlan& plan);
/// The reverse. Throws util::Error when the bytes are not such a plan.
SandboxPlan decode_plan(std::string_view bytes);

/// What the init says at its end: how the process ended, or why there was none.
struct InitReport {
  std::optional<util::ExitStatus> status;
  std::string error;
  std::string hint;
};
std::string encode_report(const InitReport& report);
/// nullopt when the bytes are not a whole report (the init was killed).
std::optional<InitReport> decode_report(std::string_view bytes);

}  // namespace executor
