#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace builder::format {

/// A template in the language of Go's text/template as far as docker's --format needs it: fields, variables, pipelines,
/// if, range, with, break, continue, comments, trimming, comparison, and docker's functions (json, join, split, lower,
/// upper, title, pad, truncate, println, printf, print, len, index, slice). No templates within templates (define,
/// template, block). Immutable; thread-safe.
class Template {
 public:
  /// Throws util::Error that names the column.
  explicit Template(std::string_view text);
  ~Template();
  Template(Template&&) noexcept;
  Template& operator=(Template&&) noexcept;

  /// Throws util::Error for what the data cannot answer: a field that an object does not have (but in a map such as
  /// `Labels`, see `kMaps`), an index out of range. The work is bounded, so that no template runs for ever.
  std::string execute(const nlohmann::ordered_json& data) const;
  /// `optional`: fields that objects may lack, as a field of a Go struct that its JSON leaves out when it is empty, with
  /// what they are then: {"A": {"B": ""}} says that an object with the member `A` may lack `B`.
  std::string execute(const nlohmann::ordered_json& data, const nlohmann::ordered_json& optional) const;
  /// The first line of a table: fields give their headings, and functions that change a text leave it as it is.
  std::string headings(const std::map<std::string, std::string>& names) const;

 private:
  struct State;
  std::unique_ptr<const State> state_;
};

}  // namespace builder::format
