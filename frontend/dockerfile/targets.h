#pragma once

#include <string>
#include <vector>

#include "frontend/dockerfile/instruction.h"
#include "llb/source_map.h"

// The stages of a file for people who choose one: `--call=targets`.
namespace dockerfile {

struct TargetInfo {
  std::string name;  ///< empty when unnamed
  std::string description;
  std::string base;      ///< as written
  std::string platform;  ///< as written
  bool is_default = false;
  llb::SourceRange range;  ///< of FROM
};

/// All stages, in the order of the file; nothing is expanded.
std::vector<TargetInfo> list_targets(const Dockerfile& dockerfile);

}  // namespace dockerfile
