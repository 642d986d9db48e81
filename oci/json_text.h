#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace oci {

/// Writes JSON to the byte as Go's encoding/json does: <, >, &, U+2028 and U+2029 escaped, invalid UTF-8 as \ufffd.
/// `indent` 0 = compact. Members stay in the order of the value.
std::string write_json(const nlohmann::ordered_json& value, int indent = 0);

/// Parses foreign JSON that must be an object; throws util::Error naming `what`. Nesting is limited, so that no
/// input can exhaust the stack.
nlohmann::json parse_object(std::string_view text, std::string_view what);

/// Typed access to the members of an object that came from outside. A member that is missing or null gives an empty
/// value; one of another type throws util::Error naming the path of the field ("manifest: layers[2].size").
class JsonFields {
 public:
  /// Throws when `value` is not an object (null counts as an empty one). Keeps a reference to `value`.
  JsonFields(const nlohmann::json& value, std::string path);

  std::string text(const char* name) const;
  std::int64_t integer(const char* name) const;
  bool boolean(const char* name) const;
  std::vector<std::string> texts(const char* name) const;
  std::map<std::string, std::string> text_map(const char* name) const;
  /// Keys of an object whose values do not matter (ExposedPorts, Volumes).
  std::vector<std::string> keys(const char* name) const;
  /// The member, or null.
  const nlohmann::json& member(const char* name) const;
  /// Elements of an array member.
  std::vector<JsonFields> objects(const char* name) const;
  JsonFields object(const char* name) const;
  bool has(const char* name) const;
  [[noreturn]] void refuse(const char* name, std::string_view why) const;
  std::string path(const char* name) const;

 private:
  const nlohmann::json& value_;
  std::string path_;
};

}  // namespace oci
