#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/dockerfile/compile.h"
#include "frontend/dockerfile/global_scope.h"
#include "frontend/dockerfile/instruction.h"

namespace dockerfile {

struct StageNode;

/// One instruction of a stage with the stages it takes files from.
struct Command {
  const Instruction* instruction = nullptr;
  /// COPY: what --from names (one element) or nothing. RUN: one element per --mount, null where there is no `from`.
  std::vector<StageNode*> sources;
  bool on_build = false;   ///< a trigger of the base
  llb::SourceRange range;  ///< where errors point: the instruction, or FROM for a trigger
};

/// A stage of the file, or an image or context that only some --from names ("implicit").
struct StageNode {
  int index = -1;                         ///< position in the file; -1 = implicit
  std::string name;                       ///< lower-case; empty when unnamed
  std::string label;                      ///< for people: the name, "stage-N", or what --from says
  std::string base;                       ///< expanded name after FROM
  oci::Platform platform;                 ///< its base is taken for: --platform, or the target
  StageNode* parent = nullptr;            ///< the earlier stage that `base` names
  const NamedContext* context = nullptr;  ///< stands in for the base
  std::string context_name;
  bool replaced = false;  ///< `context` stands in for the whole stage
  llb::SourceRange range;
  std::vector<Command> commands;
  bool triggered = false;  ///< the base's ONBUILD triggers are among the commands

  bool implicit() const { return index < 0; }
  bool scratch() const { return parent == nullptr && context == nullptr && base == "scratch"; }
};

/// Who needs whom: names, targets, reachability and --from between the stages of a Dockerfile.
class StageGraph {
 public:
  /// Borrowed: `dockerfile`, `request`. Throws DockerfileError for a --from that cannot be.
  StageGraph(const Dockerfile& dockerfile, const std::vector<StageBase>& bases, const FrontendRequest& request,
             const oci::Platform& target);
  StageGraph(const StageGraph&) = delete;

  /// The stage named (any case), or the last one. Throws util::Error with a suggestion.
  StageNode& target(std::string_view name);
  /// `from` and everything it needs: implicit nodes first, then stages in file order.
  std::vector<StageNode*> reachable(const std::vector<StageNode*>& from);
  std::vector<StageNode*> stages();
  /// Puts a base's ONBUILD triggers in front of a stage's commands. Throws DockerfileError at its FROM.
  void add_triggers(StageNode& stage, const std::vector<std::string>& triggers);
  /// Throws DockerfileError naming the stages of a cycle.
  void check_cycles() const;
  std::vector<std::string> stage_names() const;

 private:
  void add_stage(const Stage& stage, const StageBase& base);
  void link(StageNode& stage, Command& command);
  StageNode* find(std::string_view name);
  StageNode& source(const StageNode& user, const std::string& name, llb::SourceRange range);
  StageNode& implicit(const std::string& name, const oci::Platform& platform, llb::SourceRange range);
  void use_context(StageNode& node, const std::string& name);
  llb::SourceLocation location(llb::SourceRange range) const;

  const Dockerfile& dockerfile_;
  const FrontendRequest& request_;
  oci::Platform target_;
  std::deque<StageNode> nodes_;  ///< stages first, in file order
  std::size_t stage_count_ = 0;
  std::map<std::string, StageNode*, std::less<>> by_name_;
  std::map<std::pair<std::string, std::string>, StageNode*> implicit_;  ///< by name and platform
  std::deque<Instruction> triggers_;
};

/// The named context that an image name of FROM or --from means for a platform, if any.
const NamedContext* find_named_context(const FrontendRequest& request, std::string_view name,
                                       const oci::Platform& platform);
/// `from` of a RUN --mount before expansion; empty when there is none.
std::string mount_source_name(std::string_view mount);

}  // namespace dockerfile
