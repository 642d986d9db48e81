#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/dockerfile/instruction.h"

// `--name=value` words between an instruction's name and its arguments.
namespace dockerfile {

/// What follows the instruction's name, divided.
struct FlagSplit {
  std::vector<std::string> flags;  ///< "--name[=value]", quotes and escapes (always `\`) processed
  std::string_view rest;           ///< the arguments, untrimmed
};

/// Takes the leading words that begin with "--"; a bare "--" ends them.
FlagSplit split_flags(std::string_view text);

/// "--name=value" -> Flag.
Flag parse_flag(std::string_view word);

/// The flags an instruction knows, bound to where their values go. Names are case-sensitive; only lists may repeat.
class FlagSet {
 public:
  FlagSet& text(std::string_view name, std::string& value);
  FlagSet& text(std::string_view name, std::optional<std::string>& value);
  FlagSet& boolean(std::string_view name, bool& value);
  FlagSet& boolean(std::string_view name, std::optional<bool>& value);
  FlagSet& list(std::string_view name, std::vector<std::string>& values);

  /// Throws util::Error for unknown and repeated flags and for missing or malformed values.
  void parse(const std::vector<std::string>& words) const;

 private:
  enum class Kind { text, boolean, list };
  struct Definition {
    std::string name;
    Kind kind;
    std::function<void(const Flag&)> assign;
  };

  FlagSet& add(std::string_view name, Kind kind, std::function<void(const Flag&)> assign);
  const Definition& find(const std::string& name) const;

  std::vector<Definition> definitions_;
};

}  // namespace dockerfile
