#include "frontend/dockerfile/targets.h"

namespace dockerfile {

std::vector<TargetInfo> list_targets(const Dockerfile& dockerfile) {
  std::vector<TargetInfo> targets;
  for (const Stage& stage : dockerfile.stages) {
    const auto& from = std::get<FromInstruction>(stage.from.value);
    targets.push_back({from.stage_name, stage.comment, from.base, from.platform, false, stage.from.range});
  }
  if (!targets.empty()) targets.back().is_default = true;
  return targets;
}

}  // namespace dockerfile
