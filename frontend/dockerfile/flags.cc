#include "frontend/dockerfile/flags.h"

#include <algorithm>
#include <set>

#include "frontend/dockerfile/suggestion.h"
#include "frontend/dockerfile/unicode.h"
#include "util/error.h"
#include "util/text.h"

namespace dockerfile {

namespace {

/// Reads one word up to white space; quotes and backslashes protect and vanish.
std::string take_flag_word(std::string_view text, std::size_t& position) {
  std::string word;
  char quote = 0;
  while (position < text.size()) {
    char c = text[position];
    if (quote == 0 && unicode::space_width(text, position) > 0) break;
    ++position;
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else if (c != '\\') {
      word.push_back(c);
    } else if (position < text.size()) {
      word.push_back(text[position++]);
    }
  }
  return word;
}

bool parse_boolean(const Flag& flag) {
  if (!flag.has_value || util::equal_ignoring_case(flag.value, "true")) return true;
  if (util::equal_ignoring_case(flag.value, "false")) return false;
  throw util::Error("expecting boolean value for flag --" + flag.name + ", not: " + flag.value);
}

}  // namespace

FlagSplit split_flags(std::string_view text) {
  FlagSplit split;
  for (std::size_t position = 0; position < text.size();) {
    if (std::size_t width = unicode::space_width(text, position)) {
      position += width;
      continue;
    }
    if (text.substr(position, 2) != "--") {
      split.rest = text.substr(position);
      break;
    }
    std::string word = take_flag_word(text, position);
    if (word == "--") {
      split.rest = text.substr(position);
      break;
    }
    split.flags.push_back(std::move(word));
  }
  return split;
}

Flag parse_flag(std::string_view word) {
  Flag flag;
  if (word.starts_with("--")) word.remove_prefix(2);
  std::size_t equals = word.find('=');
  flag.name = word.substr(0, equals);
  flag.has_value = equals != std::string_view::npos;
  if (flag.has_value) flag.value = word.substr(equals + 1);
  return flag;
}

FlagSet& FlagSet::add(std::string_view name, Kind kind, std::function<void(const Flag&)> assign) {
  definitions_.push_back({std::string(name), kind, std::move(assign)});
  return *this;
}

FlagSet& FlagSet::text(std::string_view name, std::string& value) {
  return add(name, Kind::text, [&value](const Flag& flag) { value = flag.value; });
}

FlagSet& FlagSet::text(std::string_view name, std::optional<std::string>& value) {
  return add(name, Kind::text, [&value](const Flag& flag) { value = flag.value; });
}

FlagSet& FlagSet::boolean(std::string_view name, bool& value) {
  return add(name, Kind::boolean, [&value](const Flag& flag) { value = parse_boolean(flag); });
}

FlagSet& FlagSet::boolean(std::string_view name, std::optional<bool>& value) {
  return add(name, Kind::boolean, [&value](const Flag& flag) { value = parse_boolean(flag); });
}

FlagSet& FlagSet::list(std::string_view name, std::vector<std::string>& values) {
  return add(name, Kind::list, [&values](const Flag& flag) { values.push_back(flag.value); });
}

const FlagSet::Definition& FlagSet::find(const std::string& name) const {
  auto found = std::find_if(definitions_.begin(), definitions_.end(),
                            [&](const Definition& definition) { return definition.name == name; });
  if (found != definitions_.end()) return *found;
  std::vector<std::string> known;
  for (const Definition& definition : definitions_) known.push_back("--" + definition.name);
  throw util::Error("unknown flag: --" + name + suggestion_text("--" + name, known),
                    known.empty() ? "this instruction has no flags" : "flags here are " + util::join(known, ", "));
}

void FlagSet::parse(const std::vector<std::string>& words) const {
  std::set<std::string> used;
  for (const std::string& word : words) {
    Flag flag = parse_flag(word);
    const Definition& definition = find(flag.name);
    bool repeated = !used.insert(flag.name).second;
    if (repeated && definition.kind != Kind::list) throw util::Error("duplicate flag specified: --" + flag.name);
    bool needs_value = definition.kind != Kind::boolean;
    if (needs_value ? !flag.has_value : flag.has_value && flag.value.empty()) {
      throw util::Error("missing a value on flag: --" + flag.name);
    }
    definition.assign(flag);
  }
}

}  // namespace dockerfile
