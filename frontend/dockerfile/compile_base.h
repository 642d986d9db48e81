#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "frontend/dockerfile/compile_context.h"
#include "frontend/dockerfile/stage_graph.h"
#include "frontend/dockerfile/stage_state.h"
#include "oci/image_resolver.h"

namespace dockerfile {

/// What stages without a parent begin with: scratch, images, named contexts. Images are resolved once per name and
/// platform.
class Bases {
 public:
  /// Borrowed: both.
  Bases(const PlatformContext& context, oci::ImageResolver& resolver) : context_(context), resolver_(resolver) {}

  /// Resolves the images of nodes not seen before, all at the same time. Throws DockerfileError at the first (in file
  /// order) that fails; `stage_names` are for its suggestion.
  void resolve(const std::vector<StageNode*>& nodes, const std::vector<std::string>& stage_names);
  /// ONBUILD triggers of a resolved node's image.
  std::vector<std::string> triggers(const StageNode& node) const;
  /// File system and config that the node begins with; `names` numbers the step that loads the image.
  StageState begin(const StageNode& node, StepNames& names) const;

 private:
  using Key = std::pair<std::string, std::string>;  ///< where, platform

  const oci::ResolvedImage* image(const StageNode& node) const;
  llb::VertexRef image_vertex(const StageNode& node, const oci::ResolvedImage& image, StepNames& names) const;
  void lint_platform(const StageNode& node, const oci::ImageConfig& config) const;

  const PlatformContext& context_;
  oci::ImageResolver& resolver_;
  std::map<Key, oci::ResolvedImage> images_;
  std::map<const StageNode*, Key> keys_;
};

}  // namespace dockerfile
