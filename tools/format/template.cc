#include "tools/format/template.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "tools/format/template_lexer.h"
#include "tools/format/template_tree.h"
#include "util/error.h"
#include "util/text.h"

namespace builder::format {
namespace {

constexpr std::size_t kMaxSteps = 1'000'000;
constexpr std::size_t kMaxOutput = 256 << 20;
/// Objects whose members have names of the user's choice: to ask for an absent one is no mistake.
constexpr std::array<std::string_view, 5> kMaps = {"Labels", "Annotations", "Volumes", "ExposedPorts", "OnBuild"};

/// One run of a template.
class Execution {
 public:
  Execution(const Value& data, const Value& optional, bool headings) : optional_(optional), headings_(headings) {
    variables_.emplace_back("$", data);
  }

  std::string run(const Nodes& nodes) {
    const Value dot = variables_.front().second;
    walk(nodes, dot);
    return std::move(output_);
  }

 private:
  enum class Flow { on, leave_loop, next_round };

  void step(std::size_t offset) {
    if (++steps_ > kMaxSteps || output_.size() > kMaxOutput)
      throw_at(offset, "the template makes too much of its data");
  }

  Flow walk(const Nodes& nodes, const Value& dot) {
    const std::size_t scope = variables_.size();
    Flow flow = Flow::on;
    for (const Node& node : nodes) {
      flow = visit(node, dot);
      if (flow != Flow::on) break;
    }
    variables_.resize(scope);
    return flow;
  }

  Flow visit(const Node& node, const Value& dot) {
    step(node.pipeline.offset);
    switch (node.kind) {
      case Node::Kind::text:
        output_ += node.text;
        return Flow::on;
      case Node::Kind::leave_loop:
        return Flow::leave_loop;
      case Node::Kind::next_round:
        return Flow::next_round;
      case Node::Kind::action: {
        const Value value = evaluate(node.pipeline, dot);
        if (node.pipeline.variables.empty()) output_ += print_value(value.is_null() ? empty_value(node.pipeline, dot) : value);
        return Flow::on;
      }
      case Node::Kind::branch:
      case Node::Kind::with:
        return choose(node, dot);
      case Node::Kind::range:
        return loop(node, dot);
    }
    return Flow::on;
  }

  Flow choose(const Node& node, const Value& dot) {
    const std::size_t scope = variables_.size();
    const Value value = evaluate(node.pipeline, dot);
    Flow flow = Flow::on;
    if (is_true(value)) {
      flow = walk(node.body, node.kind == Node::Kind::with ? value : dot);
    } else {
      flow = walk(node.otherwise, dot);
    }
    variables_.resize(scope);
    return flow;
  }

  Flow loop(const Node& node, const Value& dot) {
    const std::size_t scope = variables_.size();
    Pipeline plain = node.pipeline;
    plain.variables.clear();
    const Value over = evaluate(plain, dot);
    const std::vector<std::pair<Value, Value>> items = items_of(over, node.pipeline.offset);
    Flow flow = Flow::on;
    for (const auto& [index, value] : items) {
      step(node.pipeline.offset);
      const auto& names = node.pipeline.variables;
      if (names.size() == 1) bind(names[0], value, node.pipeline);
      if (names.size() == 2) {
        bind(names[0], index, node.pipeline);
        bind(names[1], value, node.pipeline);
      }
      const Flow round = walk(node.body, value);
      variables_.resize(node.pipeline.declares ? scope : variables_.size());
      if (round == Flow::leave_loop) break;
    }
    if (items.empty()) flow = walk(node.otherwise, dot);
    variables_.resize(scope);
    return flow;
  }

  static std::vector<std::pair<Value, Value>> items_of(const Value& over, std::size_t offset) {
    std::vector<std::pair<Value, Value>> items;
    if (over.is_array()) {
      for (std::size_t i = 0; i != over.size(); ++i) items.emplace_back(i, over[i]);
    } else if (over.is_object()) {
      for (const auto& [name, value] : over.items()) items.emplace_back(name, value);
      std::ranges::sort(items, {}, [](const auto& item) { return item.first.template get_ref<const std::string&>(); });
    } else if (!over.is_null()) {
      throw_at(offset,
               fmt::format("range can't go over {}", over.dump(-1, ' ', false, Value::error_handler_t::replace)));
    }
    return items;
  }

  void bind(const std::string& name, const Value& value, const Pipeline& pipeline) {
    if (pipeline.declares) {
      variables_.emplace_back(name, value);
    } else {
      variable(name, pipeline.offset) = value;
    }
  }

  Value& variable(const std::string& name, std::size_t offset) {
    const auto found =
        std::find_if(variables_.rbegin(), variables_.rend(), [&](const auto& known) { return known.first == name; });
    if (found == variables_.rend()) throw_at(offset, fmt::format("undefined variable `{}`", name));
    return found->second;
  }

  Value evaluate(const Pipeline& pipeline, const Value& dot) {
    step(pipeline.offset);
    std::optional<Value> piped;
    for (const std::vector<Operand>& command : pipeline.commands) piped = run_command(command, dot, std::move(piped));
    Value value = std::move(piped).value_or(Value());
    for (const std::string& name : pipeline.variables) bind(name, value, pipeline);
    return value;
  }

  Value run_command(const std::vector<Operand>& command, const Value& dot, std::optional<Value> piped) {
    const Operand& first = command.front();
    if (first.kind != Operand::Kind::function) {
      if (piped) throw_at(first.offset, "a value can be piped into a function only");
      return evaluate(first, dot);
    }
    if (first.name == "and" || first.name == "or") return decide(command, dot, std::move(piped));
    std::vector<Value> arguments;
    for (std::size_t i = 1; i < command.size(); ++i) arguments.push_back(evaluate(command[i], dot));
    if (piped) arguments.push_back(std::move(*piped));
    return call(first, arguments);
  }

  Value call(const Operand& function, const std::vector<Value>& arguments) const {
    try {
      return call_function(function.name, arguments, headings_);
    } catch (const util::Error& error) {
      throw_at(function.offset, fmt::format("{}: {}", function.name, error.message()));
    }
  }

  /// `and`, `or`: the first value that settles it, else the last.
  Value decide(const std::vector<Operand>& command, const Value& dot, std::optional<Value> piped) {
    const bool settles = command.front().name == "or";
    if (command.size() == 1 && !piped)
      throw_at(command.front().offset, fmt::format("{}: needs an argument", command.front().name));
    Value value;
    for (std::size_t i = 1; i < command.size(); ++i) {
      value = evaluate(command[i], dot);
      if (is_true(value) == settles) return value;
    }
    return piped ? std::move(*piped) : value;
  }

  Value evaluate(const Operand& operand, const Value& dot) {
    step(operand.offset);
    switch (operand.kind) {
      case Operand::Kind::dot:
        return fields(dot, operand);
      case Operand::Kind::variable:
        return fields(variable(operand.name, operand.offset), operand);
      case Operand::Kind::literal:
        return *operand.literal;
      case Operand::Kind::parenthesis:
        return fields(evaluate(*operand.inner, dot), operand);
      case Operand::Kind::function:
        return call(operand, {});
    }
    return nullptr;
  }

  Value fields(const Value& from, const Operand& operand) const {
    const Value* at = &from;
    bool in_map = headings_;
    for (const std::string& name : operand.fields) {
      if (at->is_null()) return nullptr;
      if (!at->is_object())
        throw_at(operand.offset, fmt::format("can't take field `.{}` of {}", name, at->type_name()));
      const auto found = at->find(name);
      if (found == at->end()) {
        if (in_map) return nullptr;
        const Value* empty = optional_field(*at, name);
        if (empty == nullptr) throw unknown_field(*at, name, operand.offset);
        if (empty->is_structured()) return nullptr;  // as one that is there but null, which is what `json` shows
        at = empty;
        continue;
      }
      in_map = headings_ || std::ranges::find(kMaps, name) != kMaps.end();
      at = &*found;
    }
    return *at;
  }

  const Value* optional_field(const Value& object, const std::string& name) const {
    for (const auto& [member, fields] : optional_.items()) {
      if (!object.contains(member)) continue;
      if (const auto found = fields.find(name); found != fields.end()) return &*found;
    }
    return nullptr;
  }

  /// How a null field is printed by itself: an empty list as `[]`, an empty map as `map[]`.
  Value empty_value(const Pipeline& pipeline, const Value& dot) {
    if (pipeline.commands.size() != 1 || pipeline.commands.front().size() != 1) return nullptr;
    Operand parent = pipeline.commands.front().front();
    if (parent.kind != Operand::Kind::dot || parent.fields.empty()) return nullptr;
    const std::string name = std::move(parent.fields.back());
    parent.fields.pop_back();
    const Value object = fields(dot, parent);
    const Value* empty = object.is_object() ? optional_field(object, name) : nullptr;
    return empty == nullptr ? Value() : *empty;
  }

  util::Error unknown_field(const Value& object, const std::string& name, std::size_t offset) const {
    std::vector<std::string> known;
    for (const auto& [field, value] : object.items()) known.push_back(field);
    for (const auto& [member, fields] : optional_.items()) {
      if (!object.contains(member)) continue;
      for (const auto& [field, value] : fields.items()) {
        if (!object.contains(field)) known.push_back(field);
      }
    }
    const auto near = util::suggest(name, known);
    std::ranges::sort(known);
    return util::Error(fmt::format("format template: column {}: there is no field `.{}`{}", offset + 1, name,
                                   near ? fmt::format(" (did you mean .{}?)", *near) : ""),
                       known.empty() ? "" : "fields: ." + util::join(known, " ."));
  }

  const Value& optional_;
  bool headings_;
  std::vector<std::pair<std::string, Value>> variables_;
  std::string output_;
  std::size_t steps_ = 0;
};

}  // namespace

struct Template::State {
  Nodes nodes;
};

Template::Template(std::string_view text) : state_(std::make_unique<const State>(State{parse_nodes(text)})) {}
Template::~Template() = default;
Template::Template(Template&&) noexcept = default;
Template& Template::operator=(Template&&) noexcept = default;

std::string Template::execute(const nlohmann::ordered_json& data) const {
  return execute(data, Value::object());
}

std::string Template::execute(const nlohmann::ordered_json& data, const nlohmann::ordered_json& optional) const {
  return Execution(data, optional, false).run(state_->nodes);
}

std::string Template::headings(const std::map<std::string, std::string>& names) const {
  Value data = Value::object();
  for (const auto& [field, heading] : names) data[field] = heading;
  return Execution(data, Value::object(), true).run(state_->nodes);
}

}  // namespace builder::format
