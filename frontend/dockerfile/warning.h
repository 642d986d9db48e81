#pragma once

#include <string>
#include <vector>

#include "llb/source_map.h"

namespace dockerfile {

/// One finding of the linter.
struct Warning {
  std::string rule;              ///< "StageNameCasing"
  std::string description;       ///< what the rule is about, one sentence
  std::string url;
  std::string message;           ///< this finding
  llb::SourceRange range;
};

}  // namespace dockerfile
