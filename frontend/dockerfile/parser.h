#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/dockerfile/instruction.h"
#include "frontend/dockerfile/warning.h"
#include "util/error.h"

namespace dockerfile {

/// An error with its place in a Dockerfile; thrown by parser and compiler.
class DockerfileError : public util::Error {
 public:
  DockerfileError(std::string message, llb::SourceLocation location, std::string hint = {})
      : util::Error(std::move(message), std::move(hint)), location_(std::move(location)) {}
  const llb::SourceLocation& location() const { return location_; }

 private:
  llb::SourceLocation location_;
};

/// A message "dockerfile parse error on line N: …".
class ParseError : public DockerfileError {
 public:
  using DockerfileError::DockerfileError;
};

/// Text -> typed stages (FEATURES.md 1.1, 1.2). Appends the findings of lint.h to `warnings`, also before an error; what the
/// `check` directive skips is still among them (see `select_warnings`), since a build argument may replace the directive.
/// Throws ParseError. Never crashes on any bytes; time linear in the length.
Dockerfile parse(std::shared_ptr<const llb::SourceText> source, std::vector<Warning>& warnings);

/// One instruction from its text, as ONBUILD triggers need it; `location` is where errors point (the child's FROM).
Instruction parse_trigger(std::string_view text, const llb::SourceLocation& location);

}  // namespace dockerfile
