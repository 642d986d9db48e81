#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "frontend/dockerfile/word_expander.h"
#include "oci/platform.h"

namespace dockerfile {

/// Numbers the steps of a stage: "[linux/amd64 build  2/12] ".
class StepNames {
 public:
  StepNames() = default;
  /// `stage` may be empty; `total` counts base, RUN, COPY, ADD and WORKDIR.
  StepNames(std::string stage, int total, bool with_platform)
      : stage_(std::move(stage)), total_(total), with_platform_(with_platform) {}

  /// Name of the next step. `environment` tells what a cross-compiling stage builds for.
  std::string next(std::string_view text, const oci::Platform& platform, const Environment& environment,
                   bool on_build = false);

 private:
  std::string stage_;
  int total_ = 0;
  int index_ = 0;
  bool with_platform_ = false;
};

/// First line of an instruction as written, with its word in upper case.
std::string step_text(std::string_view original);
/// The text of a RUN for display: known variables replaced, those in `masked` shown as ****; quotes and everything else
/// as written.
std::string run_text(std::string_view text, const Environment& environment, const std::vector<std::string>& masked,
                     char escape);
/// First line of a script, with "..." when there are more.
std::string summary(std::string_view script);

}  // namespace dockerfile
