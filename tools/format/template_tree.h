#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace builder::format {

using Value = nlohmann::ordered_json;

struct Pipeline;

/// One operand of a command: what it starts with, and the fields taken of it.
struct Operand {
  enum class Kind { dot, variable, literal, parenthesis, function };
  Kind kind = Kind::dot;
  std::string name;  ///< of the variable ("$x", "$") or function
  std::shared_ptr<const Value> literal;
  std::shared_ptr<const Pipeline> inner;  ///< parenthesis
  std::vector<std::string> fields;        ///< ".A.B" after it
  std::size_t offset = 0;                 ///< bytes from the start of the template, for errors
};

/// `A | B 1 | C`: each command is a function with its arguments, or one operand. Variables that it declares or sets.
struct Pipeline {
  std::vector<std::string> variables;  ///< "$x"; two for `range $i, $v :=`
  bool declares = false;               ///< `:=`, not `=`
  std::vector<std::vector<Operand>> commands;
  std::size_t offset = 0;
};

struct Node;
using Nodes = std::vector<Node>;

struct Node {
  enum class Kind { text, action, branch, with, range, leave_loop, next_round };
  Kind kind = Kind::text;
  std::string text;
  Pipeline pipeline;
  Nodes body;
  Nodes otherwise;  ///< {{else}}
};

/// Parses a template. Throws util::Error naming the column. Nesting is bounded.
Nodes parse_nodes(std::string_view text);

/// Calls one of the functions that templates know. `headings`: functions that change a text leave it as it is.
/// Throws util::Error; `and`, `or` are not among them, since they do not evaluate all their arguments.
Value call_function(const std::string& name, const std::vector<Value>& arguments, bool headings);
bool is_function(std::string_view name);

/// Go's idea of an empty value is false.
bool is_true(const Value& value);
/// As Go's fmt prints it (%v).
std::string print_value(const Value& value);

}  // namespace builder::format
