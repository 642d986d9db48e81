#include "frontend/dockerfile/stage_graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <unordered_set>

#include "frontend/dockerfile/csv.h"
#include "frontend/dockerfile/parser.h"
#include "frontend/dockerfile/suggestion.h"
#include "oci/reference.h"
#include "util/text.h"

namespace dockerfile {
namespace {

/// Key of a named context: the familiar image name without ":latest", else the lower-case text.
std::string context_key(std::string_view name) {
  try {
    std::string familiar = oci::Reference::parse(name).familiar();
    if (familiar.ends_with(":latest")) familiar.resize(familiar.size() - 7);
    return familiar;
  } catch (const util::Error&) {
    return util::to_lower(name);
  }
}

std::optional<int> stage_index(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Depth-first search for a stage that needs itself, without recursion.
class CycleSearch {
 public:
  struct Need {
    const StageNode* node;
    llb::SourceRange range;  ///< the instruction that needs it
  };

  /// The needs along a cycle reachable from `start`, the last one leading back to where it begins; empty = none.
  std::vector<Need> from(const StageNode& start) {
    if (states_[&start] == State::unseen) open(start);
    while (!path_.empty()) {
      Visit& top = path_.back();
      if (top.next == top.needs.size()) {
        states_[top.node] = State::done;
        path_.pop_back();
        continue;
      }
      const StageNode& need = *top.needs[top.next++].node;
      const State state = states_[&need];
      if (state == State::open) return cycle_to(need);
      if (state == State::unseen) open(need);
    }
    return {};
  }

 private:
  enum class State { unseen, open, done };
  struct Visit {
    const StageNode* node;
    std::vector<Need> needs;
    std::size_t next = 0;
  };

  void open(const StageNode& node) {
    states_[&node] = State::open;
    Visit visit{&node, {}, 0};
    if (node.parent != nullptr) visit.needs.push_back({node.parent, node.range});
    for (const Command& command : node.commands) {
      for (const StageNode* source : command.sources) {
        if (source != nullptr) visit.needs.push_back({source, command.range});
      }
    }
    path_.push_back(std::move(visit));
  }

  std::vector<Need> cycle_to(const StageNode& first) const {
    std::vector<Need> cycle;
    auto visit = std::find_if(path_.begin(), path_.end(), [&](const Visit& one) { return one.node == &first; });
    for (; visit != path_.end(); ++visit) cycle.push_back(visit->needs[visit->next - 1]);
    return cycle;
  }

  std::unordered_map<const StageNode*, State> states_;
  std::vector<Visit> path_;
};

}  // namespace

const NamedContext* find_named_context(const FrontendRequest& request, std::string_view name,
                                       const oci::Platform& platform) {
  if (request.named_contexts.empty() || name == "scratch" || name == "context") return nullptr;
  const std::string key = context_key(name);
  for (const std::string& candidate : {key + "::" + platform.to_string(), key}) {
    const auto found = request.named_contexts.find(candidate);
    if (found != request.named_contexts.end()) return &found->second;
  }
  return nullptr;
}

std::string mount_source_name(std::string_view mount) {
  std::string source;
  for (const std::string& field : parse_csv_record(mount)) {
    const auto equals = field.find('=');
    if (equals == std::string::npos) continue;
    if (util::to_lower(std::string_view(field).substr(0, equals)) == "from") source = field.substr(equals + 1);
  }
  return source;
}

StageGraph::StageGraph(const Dockerfile& dockerfile, const std::vector<StageBase>& bases,
                       const FrontendRequest& request, const oci::Platform& target)
    : dockerfile_(dockerfile), request_(request), target_(target) {
  for (std::size_t i = 0; i < dockerfile.stages.size(); ++i) add_stage(dockerfile.stages[i], bases[i]);
  stage_count_ = nodes_.size();
  // Only now: --from means the last stage of a name, wherever it stands.
  for (std::size_t i = 0; i < stage_count_; ++i) {
    for (Command& command : nodes_[i].commands) link(nodes_[i], command);
  }
}

void StageGraph::add_stage(const Stage& stage, const StageBase& base) {
  const auto& from = std::get<FromInstruction>(stage.from.value);
  StageNode& node = nodes_.emplace_back();
  node.index = static_cast<int>(nodes_.size()) - 1;
  node.name = from.stage_name;
  node.label = node.name.empty() ? fmt::format("stage-{}", node.index) : node.name;
  node.base = base.name;
  node.platform = base.platform.value_or(target_);
  node.range = stage.from.range;
  // The look-up of a base is exact, other than that of --from.
  if (const auto found = by_name_.find(base.name); found != by_name_.end()) node.parent = found->second;
  if (!node.name.empty()) use_context(node, node.name);
  if (node.context != nullptr) {
    node.replaced = true;
    node.parent = nullptr;
  } else {
    if (node.parent != nullptr) node.platform = node.parent->platform;
    if (node.scratch()) node.platform = target_;
    if (node.parent == nullptr) use_context(node, node.base);
    for (const Instruction& instruction : stage.instructions) {
      node.commands.push_back({&instruction, {}, false, instruction.range});
    }
  }
  if (!node.name.empty()) by_name_[node.name] = &node;
}

void StageGraph::use_context(StageNode& node, const std::string& name) {
  node.context = find_named_context(request_, name, node.platform);
  if (node.context != nullptr) node.context_name = name;
}

StageNode* StageGraph::find(std::string_view name) {
  const auto found = by_name_.find(util::to_lower(name));
  return found == by_name_.end() ? nullptr : found->second;
}

StageNode& StageGraph::source(const StageNode& user, const std::string& name, llb::SourceRange range) {
  if (name.find('$') != std::string::npos) {
    throw DockerfileError(fmt::format("--from `{}`: variables are not expanded there", name), location(range),
                          "name a stage with `FROM ... AS name`, whose base may use an ARG from before the first FROM");
  }
  if (StageNode* stage = find(name)) return *stage;
  if (const auto index = stage_index(name)) {
    if (*index >= 0 && static_cast<std::size_t>(*index) < stage_count_) return nodes_[static_cast<std::size_t>(*index)];
    throw DockerfileError(fmt::format("--from `{}`: no stage has this index, the last is {}", name, stage_count_ - 1),
                          location(range));
  }
  return implicit(name, user.platform, range);
}

StageNode& StageGraph::implicit(const std::string& name, const oci::Platform& platform, llb::SourceRange range) {
  StageNode*& known = implicit_[{name, platform.to_string()}];
  if (known == nullptr) {
    known = &nodes_.emplace_back();
    known->label = known->base = name;
    known->platform = platform;
    known->range = range;
    use_context(*known, name);
  }
  return *known;
}

void StageGraph::link(StageNode& stage, Command& command) {
  if (const auto* copy = std::get_if<CopyInstruction>(&command.instruction->value)) {
    if (!copy->from.empty()) command.sources.push_back(&source(stage, copy->from, command.range));
  } else if (const auto* run = std::get_if<RunInstruction>(&command.instruction->value)) {
    for (const std::string& mount : run->mounts) {
      const std::string name = mount_source_name(mount);
      command.sources.push_back(name.empty() ? nullptr : &source(stage, name, command.range));
    }
  }
}

StageNode& StageGraph::target(std::string_view name) {
  if (name.empty()) return nodes_[stage_count_ - 1];
  if (StageNode* stage = find(name)) return *stage;
  const std::vector<std::string> names = stage_names();
  throw util::Error(fmt::format("target stage \"{}\" could not be found{}", name, suggestion_text(name, names)),
                    names.empty() ? "no stage has a name: give it one with FROM image AS name"
                                  : "stages are " + util::join(names, ", "));
}

std::vector<StageNode*> StageGraph::stages() {
  std::vector<StageNode*> result;
  for (std::size_t i = 0; i < stage_count_; ++i) result.push_back(&nodes_[i]);
  return result;
}

std::vector<std::string> StageGraph::stage_names() const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < stage_count_; ++i) {
    if (!nodes_[i].name.empty()) names.push_back(nodes_[i].name);
  }
  return names;
}

std::vector<StageNode*> StageGraph::reachable(const std::vector<StageNode*>& from) {
  std::unordered_set<StageNode*> seen;
  std::vector<StageNode*> pending = from;
  while (!pending.empty()) {
    StageNode* node = pending.back();
    pending.pop_back();
    if (node == nullptr || !seen.insert(node).second) continue;
    pending.push_back(node->parent);
    for (const Command& command : node->commands) {
      pending.insert(pending.end(), command.sources.begin(), command.sources.end());
    }
  }
  std::vector<StageNode*> result;
  for (std::size_t i = stage_count_; i < nodes_.size(); ++i) {
    if (seen.contains(&nodes_[i])) result.push_back(&nodes_[i]);
  }
  for (std::size_t i = 0; i < stage_count_; ++i) {
    if (seen.contains(&nodes_[i])) result.push_back(&nodes_[i]);
  }
  return result;
}

void StageGraph::add_triggers(StageNode& stage, const std::vector<std::string>& triggers) {
  stage.triggered = true;
  std::vector<Command> commands;
  for (const std::string& trigger : triggers) {
    triggers_.push_back(parse_trigger(trigger, location(stage.range)));
    Command command{&triggers_.back(), {}, true, stage.range};
    link(stage, command);
    commands.push_back(std::move(command));
  }
  stage.commands.insert(stage.commands.begin(), commands.begin(), commands.end());
}

void StageGraph::check_cycles() const {
  CycleSearch search;
  for (std::size_t i = 0; i < stage_count_; ++i) {
    const std::vector<CycleSearch::Need> cycle = search.from(nodes_[i]);
    if (cycle.empty()) continue;
    llb::SourceLocation where{dockerfile_.source, {}};
    std::string path = cycle.back().node->label;
    for (const CycleSearch::Need& need : cycle) {
      where.ranges.push_back(need.range);
      path += " -> " + need.node->label;
    }
    throw DockerfileError(fmt::format("stage `{}` needs itself: {}", cycle.back().node->label, path), std::move(where));
  }
}

llb::SourceLocation StageGraph::location(llb::SourceRange range) const {
  return {dockerfile_.source, {range}};
}

}  // namespace dockerfile
