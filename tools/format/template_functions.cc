#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "tools/format/template_tree.h"
#include "util/error.h"
#include "util/text.h"

namespace builder::format {
namespace {

using Arguments = std::vector<Value>;

constexpr std::int64_t kMaxWidth = 10'000;

const std::string& text_of(const Value& value) {
  if (!value.is_string()) throw util::Error(fmt::format("wants a text, not {}", value.type_name()));
  return value.get_ref<const std::string&>();
}

std::int64_t number_of(const Value& value) {
  if (!value.is_number_integer()) throw util::Error(fmt::format("wants a whole number, not {}", value.type_name()));
  return value.get<std::int64_t>();
}

std::string to_json(const Value& value) {
  return value.dump(-1, ' ', false, Value::error_handler_t::replace);
}

/// Letters of UTF-8; broken bytes count as one each.
std::size_t next_letter(std::string_view text, std::size_t at) {
  ++at;
  while (at < text.size() && (text[at] & 0xC0) == 0x80) ++at;
  return at;
}

std::string title(std::string text) {
  bool start = true;
  for (char& c : text) {
    if (start) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    start = std::isspace(static_cast<unsigned char>(c)) != 0;
  }
  return text;
}

std::string join(const Arguments& arguments) {
  const Value& list = arguments[0];
  if (!list.is_array() && !list.is_null()) throw util::Error(fmt::format("wants a list, not {}", list.type_name()));
  std::vector<std::string> parts;
  for (const Value& item : list) parts.push_back(print_value(item));
  return util::join(parts, text_of(arguments[1]));
}

Value split(const Arguments& arguments) {
  const std::string &text = text_of(arguments[0]), &separator = text_of(arguments[1]);
  Value parts = Value::array();
  std::size_t at = 0;
  if (separator.empty()) {
    for (std::size_t next = 0; at < text.size(); at = next) {
      next = next_letter(text, at);
      parts.push_back(text.substr(at, next - at));
    }
    return parts;
  }
  for (std::size_t end = 0; (end = text.find(separator, at)) != std::string::npos; at = end + separator.size())
    parts.push_back(text.substr(at, end - at));
  parts.push_back(text.substr(at));
  return parts;
}

std::string truncate(const Arguments& arguments) {
  const std::string& text = text_of(arguments[0]);
  const std::int64_t limit = number_of(arguments[1]);
  std::size_t at = 0;
  for (std::int64_t letters = 0; letters < limit && at < text.size(); ++letters) at = next_letter(text, at);
  return text.substr(0, at);
}

std::string pad(const Arguments& arguments) {
  const std::string& text = text_of(arguments[0]);
  const auto blanks = [](const Value& count) {
    return std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(number_of(count), 0, kMaxWidth)), ' ');
  };
  return text.empty() ? text : blanks(arguments[1]) + text + blanks(arguments[2]);
}

std::size_t index_of(const Value& index, std::size_t size) {
  const std::int64_t at = number_of(index);
  if (at < 0 || static_cast<std::size_t>(at) > size)
    throw util::Error(fmt::format("{} is out of range, of {}", at, size));
  return static_cast<std::size_t>(at);
}

Value index(const Arguments& arguments) {
  const Value* at = &arguments[0];
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (at->is_object()) {
      const auto found = at->find(text_of(arguments[i]));
      if (found == at->end()) return i + 1 == arguments.size() ? Value("") : Value();
      at = &*found;
    } else if (at->is_array()) {
      const std::size_t place = index_of(arguments[i], at->size());
      if (place == at->size()) throw util::Error(fmt::format("{} is out of range, of {}", place, at->size()));
      at = &(*at)[place];
    } else if (at->is_string()) {
      const std::string& text = at->get_ref<const std::string&>();
      const std::size_t place = index_of(arguments[i], text.size());
      if (place == text.size() || i + 1 != arguments.size()) throw util::Error("out of range");
      return static_cast<int>(static_cast<unsigned char>(text[place]));
    } else {
      throw util::Error(fmt::format("can't look into {}", at->type_name()));
    }
  }
  return *at;
}

Value slice(const Arguments& arguments) {
  const Value& from = arguments[0];
  if (!from.is_array() && !from.is_string())
    throw util::Error(fmt::format("can't take a part of {}", from.type_name()));
  const std::size_t size = from.is_string() ? text_of(from).size() : from.size();
  const std::size_t start = arguments.size() > 1 ? index_of(arguments[1], size) : 0;
  const std::size_t end = arguments.size() > 2 ? index_of(arguments[2], size) : size;
  if (end < start) throw util::Error("the end lies before the start");
  if (from.is_string()) return text_of(from).substr(start, end - start);
  Value part = Value::array();
  for (std::size_t i = start; i != end; ++i) part.push_back(from[i]);
  return part;
}

Value length(const Arguments& arguments) {
  const Value& of = arguments[0];
  if (of.is_string()) return text_of(of).size();
  if (of.is_array() || of.is_object() || of.is_null()) return of.size();
  throw util::Error(fmt::format("{} has no length", of.type_name()));
}

/// Values of a kind that can be compared; throws for others.
int compare(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return a < b ? -1 : a == b ? 0 : 1;
  if (a.is_string() && b.is_string()) return text_of(a).compare(text_of(b));
  throw util::Error(fmt::format("can't compare {} and {}", a.type_name(), b.type_name()));
}

bool equal(const Value& a, const Value& b) {
  if (a.is_null() || b.is_null()) return a.is_null() == b.is_null();
  if (a.is_boolean() && b.is_boolean()) return a == b;
  return compare(a, b) == 0;
}

bool equals_any(const Arguments& arguments) {
  return std::any_of(arguments.begin() + 1, arguments.end(),
                     [&](const Value& other) { return equal(arguments[0], other); });
}

std::string print(const Arguments& arguments, bool line) {
  std::string text;
  for (std::size_t i = 0; i != arguments.size(); ++i) {
    const bool texts = i != 0 && (arguments[i].is_string() || arguments[i - 1].is_string());
    if (i != 0 && (line || !texts)) text += ' ';
    text += print_value(arguments[i]);
  }
  return line ? text + '\n' : text;
}

/// "%-10.3s" without the verb.
struct Directive {
  bool left = false, zero = false, plus = false;
  std::int64_t width = 0, precision = -1;
};

std::int64_t take_number(std::string_view text, std::size_t& at) {
  std::int64_t number = 0;
  for (; at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])); ++at)
    number = std::min(number * 10 + (text[at] - '0'), kMaxWidth);
  return number;
}

Directive take_directive(std::string_view text, std::size_t& at) {
  Directive found;
  for (; at < text.size() && std::string_view("-0+ #").find(text[at]) != std::string_view::npos; ++at) {
    if (text[at] == '-') found.left = true;
    if (text[at] == '0') found.zero = true;
    if (text[at] == '+') found.plus = true;
  }
  found.width = take_number(text, at);
  if (at < text.size() && text[at] == '.') found.precision = take_number(text, ++at);
  return found;
}

std::string fill(const Directive& directive, std::string text, bool number) {
  std::int64_t letters = 0;
  for (std::size_t at = 0; at < text.size(); at = next_letter(text, at)) ++letters;
  if (letters >= directive.width) return text;
  const auto missing = static_cast<std::size_t>(directive.width - letters);
  if (directive.left) return text + std::string(missing, ' ');
  if (!directive.zero || !number) return std::string(missing, ' ') + text;
  const std::size_t sign = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  return text.substr(0, sign) + std::string(missing, '0') + text.substr(sign);
}

std::string wrong_verb(char verb, const Value& value) {
  const std::string type = value.is_string()           ? "string"
                           : value.is_number_integer() ? "int"
                           : value.is_number()         ? "float64"
                           : value.is_boolean()        ? "bool"
                                                       : "value";
  return fmt::format("%!{}({}={})", verb, type, print_value(value));
}

std::string format_one(const Directive& directive, char verb, const Value& value) {
  const int precision =
      directive.precision < 0 ? 6 : static_cast<int>(std::min<std::int64_t>(directive.precision, 100));
  switch (verb) {
    case 's':
    case 'v': {
      std::string text = print_value(value);
      if (verb == 's' && (value.is_number() || value.is_boolean())) return wrong_verb(verb, value);
      if (value.is_string() && directive.precision >= 0) text = truncate({text, directive.precision});
      return fill(directive, std::move(text), value.is_number());
    }
    case 'q':
      if (!value.is_string()) return wrong_verb(verb, value);
      return fill(directive, util::quote(text_of(value)), false);
    case 'd':
      if (!value.is_number_integer()) return wrong_verb(verb, value);
      return fill(directive, (directive.plus && value.get<std::int64_t>() >= 0 ? "+" : "") + print_value(value), true);
    case 'f':
    case 'e':
    case 'g':
      if (!value.is_number_float()) return wrong_verb(verb, value);
      if (verb == 'f') return fill(directive, fmt::format("{:.{}f}", value.get<double>(), precision), true);
      if (verb == 'e') return fill(directive, fmt::format("{:.{}e}", value.get<double>(), precision), true);
      return fill(directive, fmt::format("{:g}", value.get<double>()), true);
    case 'x':
    case 'X': {
      std::string text;
      if (value.is_number_integer())
        text = fmt::format("{:x}", value.get<std::int64_t>());
      else if (value.is_string())
        for (const char c : text_of(value)) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
      else
        return wrong_verb(verb, value);
      return fill(directive, verb == 'X' ? util::to_upper(text) : text, value.is_number());
    }
    case 't':
      if (!value.is_boolean()) return wrong_verb(verb, value);
      return fill(directive, print_value(value), false);
    default:
      return wrong_verb(verb, value);
  }
}

std::string print_formatted(const Arguments& arguments) {
  const std::string& format = text_of(arguments[0]);
  std::string text;
  std::size_t next = 1;
  for (std::size_t at = 0; at < format.size(); ++at) {
    if (format[at] != '%') {
      text += format[at];
      continue;
    }
    const Directive directive = take_directive(format, ++at);
    if (at >= format.size()) return text + "%!(NOVERB)";
    if (format[at] == '%') {
      text += '%';
    } else if (next == arguments.size()) {
      text += fmt::format("%!{}(MISSING)", format[at]);
    } else {
      text += format_one(directive, format[at], arguments[next++]);
    }
  }
  if (next == arguments.size()) return text;
  text += "%!(EXTRA";
  for (const char* comma = " "; next < arguments.size(); ++next, comma = ", ")
    text += comma + print_value(arguments[next]);
  return text + ")";
}

struct Function {
  std::size_t least, most;
  std::function<Value(const Arguments&)> call;
  bool changes_text = false;
};

const std::map<std::string, Function, std::less<>>& functions() {
  constexpr std::size_t kMany = 1000;
  static const std::map<std::string, Function, std::less<>> known = {
      {"and", {1, kMany, {}}},
      {"or", {1, kMany, {}}},
      {"not", {1, 1, [](const Arguments& a) -> Value { return !is_true(a[0]); }}},
      {"eq", {2, kMany, [](const Arguments& a) -> Value { return equals_any(a); }}},
      {"ne", {2, 2, [](const Arguments& a) -> Value { return !equal(a[0], a[1]); }}},
      {"lt", {2, 2, [](const Arguments& a) -> Value { return compare(a[0], a[1]) < 0; }}},
      {"le", {2, 2, [](const Arguments& a) -> Value { return compare(a[0], a[1]) <= 0; }}},
      {"gt", {2, 2, [](const Arguments& a) -> Value { return compare(a[0], a[1]) > 0; }}},
      {"ge", {2, 2, [](const Arguments& a) -> Value { return compare(a[0], a[1]) >= 0; }}},
      {"json", {1, 1, [](const Arguments& a) -> Value { return to_json(a[0]); }, true}},
      {"join", {2, 2, [](const Arguments& a) -> Value { return join(a); }, true}},
      {"split", {2, 2, split, true}},
      {"lower", {1, 1, [](const Arguments& a) -> Value { return util::to_lower(text_of(a[0])); }, true}},
      {"upper", {1, 1, [](const Arguments& a) -> Value { return util::to_upper(text_of(a[0])); }, true}},
      {"title", {1, 1, [](const Arguments& a) -> Value { return title(text_of(a[0])); }, true}},
      {"truncate", {2, 2, [](const Arguments& a) -> Value { return truncate(a); }, true}},
      {"pad", {3, 3, [](const Arguments& a) -> Value { return pad(a); }}},
      {"print", {0, kMany, [](const Arguments& a) -> Value { return print(a, false); }}},
      {"println", {0, kMany, [](const Arguments& a) -> Value { return print(a, true); }}},
      {"printf", {1, kMany, [](const Arguments& a) -> Value { return print_formatted(a); }}},
      {"len", {1, 1, length}},
      {"index", {1, kMany, index}},
      {"slice", {1, 3, slice}},
  };
  return known;
}

}  // namespace

bool is_function(std::string_view name) {
  return functions().contains(name);
}

Value call_function(const std::string& name, const std::vector<Value>& arguments, bool headings) {
  const Function& function = functions().at(name);
  if (arguments.size() < function.least || arguments.size() > function.most) {
    throw util::Error(fmt::format("takes {}{} argument{}, not {}", function.most > function.least ? "at least " : "",
                                  function.least, function.least == 1 ? "" : "s", arguments.size()));
  }
  if (headings && function.changes_text) return arguments[0];
  if (!function.call) return arguments.back();
  return function.call(arguments);
}

bool is_true(const Value& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value != 0;
  if (value.is_string()) return !text_of(value).empty();
  return !value.empty();
}

std::string print_value(const Value& value) {
  if (value.is_string()) return text_of(value);
  if (value.is_null()) return "<no value>";
  if (value.is_number_float()) return fmt::format("{}", value.get<double>());
  std::string text;
  if (value.is_array()) {
    for (const Value& item : value) text += (text.empty() ? "" : " ") + (item.is_null() ? "<nil>" : print_value(item));
    return "[" + text + "]";
  }
  if (value.is_object()) {
    std::map<std::string, const Value*> sorted;
    for (const auto& [name, member] : value.items()) sorted[name] = &member;
    for (const auto& [name, member] : sorted)
      text += (text.empty() ? "" : " ") + name + ":" + (member->is_null() ? "<nil>" : print_value(*member));
    return "map[" + text + "]";
  }
  return value.dump();
}

}  // namespace builder::format
