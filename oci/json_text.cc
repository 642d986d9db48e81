#include "oci/json_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "util/error.h"

namespace oci {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int kMaxDepth = 128;
const json kNull;

/// Length of the valid UTF-8 sequence at the start of `text`; 0 when there is none. Surrogates and overlong forms are
/// invalid.
size_t sequence_length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(0);
  if (first < 0x80) return 1;
  size_t length = first >= 0xC2 && first <= 0xDF   ? 2
                  : first >= 0xE0 && first <= 0xEF ? 3
                  : first >= 0xF0 && first <= 0xF4 ? 4
                                                   : 0;
  if (length == 0 || text.size() < length) return 0;
  unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

void append_ascii(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  if (c < 0x20 || c == '<' || c == '>' || c == '&') {
    out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
  } else {
    out += c;
  }
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    size_t length = sequence_length(text);
    std::string_view sequence = text.substr(0, length == 0 ? 1 : length);
    if (length == 0) {
      out += "\\ufffd";
    } else if (length == 1) {
      append_ascii(out, text.front());
    } else if (sequence == "\xE2\x80\xA8") {
      out += "\\u2028";
    } else if (sequence == "\xE2\x80\xA9") {
      out += "\\u2029";
    } else {
      out += sequence;
    }
    text.remove_prefix(sequence.size());
  }
  out += '"';
}

void append_line(std::string& out, int indent, int depth) {
  if (indent == 0) return;
  out += '\n';
  out.append(static_cast<size_t>(indent) * static_cast<size_t>(depth), ' ');
}

void append_value(std::string& out, const ordered_json& value, int indent, int depth) {
  if (value.is_string()) {
    append_string(out, value.get_ref<const std::string&>());
  } else if (value.is_object() && !value.empty()) {
    char separator = '{';
    for (const auto& [name, member] : value.items()) {
      out += std::exchange(separator, ',');
      append_line(out, indent, depth + 1);
      append_string(out, name);
      out += indent == 0 ? ":" : ": ";
      append_value(out, member, indent, depth + 1);
    }
    append_line(out, indent, depth);
    out += '}';
  } else if (value.is_array() && !value.empty()) {
    char separator = '[';
    for (const auto& element : value) {
      out += std::exchange(separator, ',');
      append_line(out, indent, depth + 1);
      append_value(out, element, indent, depth + 1);
    }
    append_line(out, indent, depth);
    out += ']';
  } else {
    out += value.dump();
  }
}

}  // namespace

std::string write_json(const ordered_json& value, int indent) {
  std::string out;
  append_value(out, value, indent, 0);
  return out;
}

json parse_object(std::string_view text, std::string_view what) {
  auto limit_depth = [&](int depth, json::parse_event_t, json&) {
    if (depth > kMaxDepth) throw util::Error(fmt::format("parse {}: nested too deeply", what));
    return true;
  };
  json value;
  try {
    value = json::parse(text, limit_depth);
  } catch (const json::parse_error& error) {
    throw util::Error(fmt::format("parse {}: invalid JSON at byte {}", what, error.byte));
  } catch (const json::exception& error) {
    throw util::Error(fmt::format("parse {}: invalid JSON: {}", what, error.what()));
  }
  if (!value.is_object()) throw util::Error(fmt::format("parse {}: not a JSON object", what));
  return value;
}

JsonFields::JsonFields(const json& value, std::string path) : value_(value), path_(std::move(path)) {
  if (!value_.is_object() && !value_.is_null()) throw util::Error(fmt::format("parse {}: must be an object", path_));
}

std::string JsonFields::path(const char* name) const {
  return path_ + (path_.find(':') == std::string::npos ? ": " : ".") + name;
}

void JsonFields::refuse(const char* name, std::string_view why) const {
  throw util::Error(fmt::format("parse {}: {}", path(name), why));
}

const json& JsonFields::member(const char* name) const {
  if (!value_.is_object()) return kNull;
  auto found = value_.find(name);
  return found == value_.end() ? kNull : *found;
}

bool JsonFields::has(const char* name) const {
  return !member(name).is_null();
}

std::string JsonFields::text(const char* name) const {
  const json& value = member(name);
  if (value.is_null()) return {};
  if (!value.is_string()) refuse(name, "must be a string");
  return value.get<std::string>();
}

std::int64_t JsonFields::integer(const char* name) const {
  const json& value = member(name);
  if (value.is_null()) return 0;
  bool fits = value.is_number_unsigned() ? value.get<std::uint64_t>() <= INT64_MAX : value.is_number_integer();
  if (!fits) refuse(name, "must be an integer");
  return value.get<std::int64_t>();
}

bool JsonFields::boolean(const char* name) const {
  const json& value = member(name);
  if (value.is_null()) return false;
  if (!value.is_boolean()) refuse(name, "must be true or false");
  return value.get<bool>();
}

std::vector<std::string> JsonFields::texts(const char* name) const {
  const json& value = member(name);
  std::vector<std::string> result;
  if (value.is_null()) return result;
  if (!value.is_array()) refuse(name, "must be an array of strings");
  for (const json& element : value) {
    if (!element.is_string()) refuse(name, "must be an array of strings");
    result.push_back(element.get<std::string>());
  }
  return result;
}

std::map<std::string, std::string> JsonFields::text_map(const char* name) const {
  const json& value = member(name);
  std::map<std::string, std::string> result;
  if (value.is_null()) return result;
  if (!value.is_object()) refuse(name, "must be an object of strings");
  for (const auto& [key, element] : value.items()) {
    if (!element.is_string() && !element.is_null()) refuse(name, "must be an object of strings");
    result[key] = element.is_null() ? std::string() : element.get<std::string>();
  }
  return result;
}

std::vector<std::string> JsonFields::keys(const char* name) const {
  const json& value = member(name);
  std::vector<std::string> result;
  if (value.is_null()) return result;
  if (!value.is_object()) refuse(name, "must be an object");
  for (const auto& item : value.items()) result.push_back(item.key());
  return result;
}

std::vector<JsonFields> JsonFields::objects(const char* name) const {
  const json& value = member(name);
  std::vector<JsonFields> result;
  if (value.is_null()) return result;
  if (!value.is_array()) refuse(name, "must be an array");
  for (size_t i = 0; i < value.size(); ++i) result.emplace_back(value[i], fmt::format("{}[{}]", path(name), i));
  return result;
}

JsonFields JsonFields::object(const char* name) const {
  return {member(name), path(name)};
}

}  // namespace oci
