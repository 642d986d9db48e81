#include "frontend/dockerfile/word_expander.h"

#include <algorithm>

#include "frontend/dockerfile/shell_pattern.h"
#include "frontend/dockerfile/unicode.h"
#include "util/error.h"

namespace dockerfile {

void Environment::set(const std::string& name, const std::string& value) {
  auto [entry, added] = index_.emplace(name, items_.size());
  if (added) {
    items_.emplace_back(name, value);
  } else {
    items_[entry->second].second = value;
  }
}

std::optional<std::string> Environment::find(std::string_view name) const {
  auto entry = index_.find(name);
  if (entry == index_.end()) return std::nullopt;
  return items_[entry->second].second;
}

std::vector<std::string> Environment::list() const {
  std::vector<std::string> list;
  list.reserve(items_.size());
  for (const auto& [name, value] : items_) list.push_back(name + "=" + value);
  return list;
}

namespace {

constexpr int kMaxDepth = 100;
/// Bytes of a result. Variables that hold twice the one before would otherwise fill the memory.
constexpr std::size_t kMaxResult = 16 << 20;

void check_size(std::size_t size) {
  if (size > kMaxResult) throw util::Error("the result is longer than 16 MiB");
}

/// Collects text, and on the side the words it falls apart into.
class Output {
 public:
  explicit Output(bool split) : split_(split) {}

  /// Text from inside quotes or behind an escape: never ends a word.
  void add_quoted(std::string_view text) {
    append(text);
    if (!split_) return;
    word_.append(text);
    in_word_ = true;
  }

  /// Plain text: white space separates words.
  void add(std::string_view text) {
    append(text);
    for (std::size_t position = 0; split_ && position < text.size();) {
      unicode::CodePoint point = unicode::decode(text, position);
      add_character(text.substr(position, point.width), unicode::is_space(point.value));
      position += point.width;
    }
  }

  std::string take_text() { return std::move(text_); }
  std::vector<std::string> take_words() {
    if (!word_.empty()) words_.push_back(std::move(word_));
    return std::move(words_);
  }

 private:
  void append(std::string_view text) {
    check_size(text_.size() + text.size());
    text_.append(text);
  }

  void add_character(std::string_view character, bool space) {
    if (!space) {
      word_.append(character);
      in_word_ = true;
    } else if (in_word_ && !word_.empty()) {
      words_.push_back(std::move(word_));
      word_.clear();
      in_word_ = false;
    }
  }

  bool split_;
  bool in_word_ = false;
  std::string text_;
  std::string word_;
  std::vector<std::string> words_;
};

bool is_special_parameter(char32_t character) {
  return character < 0x80 && std::string_view("@*#?-$!0").find(static_cast<char>(character)) != std::string_view::npos;
}

/// One pass over a word. Nested `${…}` recurse, at most kMaxDepth levels deep.
class Expander {
 public:
  Expander(std::string_view text, const Environment& environment, const ExpandOptions& options, Expansion& result)
      : text_(text),
        environment_(environment),
        options_(options),
        escape_(options.heredoc_body ? '\\' : options.escape),
        result_(result) {}

  /// Reads up to `stop` (consumed), or to the end when `stop` is 0.
  void read(Output& out, char stop, bool raw_escapes) {
    if (++depth_ > kMaxDepth) throw util::Error("substitutions are nested more than 100 levels deep");
    while (!at_end()) {
      char c = text_[position_];
      if (stop != 0 && c == stop) {
        ++position_;
        --depth_;
        return;
      }
      if (c == '$') {
        out.add(dollar());
      } else if (c == '\'' && !options_.heredoc_body) {
        out.add_quoted(single_quoted());
      } else if (c == '"' && !options_.heredoc_body) {
        out.add_quoted(double_quoted(raw_escapes));
      } else if (c == escape_) {
        ++position_;
        if (raw_escapes) out.add_quoted({&escape_, 1});
        if (!at_end()) out.add_quoted(next_character());
      } else {
        out.add(next_character());
      }
    }
    if (stop != 0) {
      throw util::Error(std::string("syntax error: missing `") + stop + "`",
                        stop == '}' ? "the word may have ended at a blank inside the braces" : "");
    }
    --depth_;
  }

 private:
  bool at_end() const { return position_ >= text_.size(); }
  bool at(char c) const { return !at_end() && text_[position_] == c; }

  std::string_view next_character() {
    std::size_t width = unicode::decode(text_, position_).width;
    position_ += width;
    return text_.substr(position_ - width, width);
  }

  std::string single_quoted() {
    std::size_t first = position_ + 1;
    std::size_t last = text_.find('\'', first);
    if (last == std::string_view::npos) throw util::Error("unexpected end of statement: missing closing single quote");
    position_ = last + 1;
    if (options_.raw_quotes) return std::string(text_.substr(first - 1, last - first + 2));
    return std::string(text_.substr(first, last - first));
  }

  std::string double_quoted(bool raw_escapes) {
    std::string value;
    if (options_.raw_quotes) value.push_back('"');
    ++position_;
    while (!at_end()) {
      char c = text_[position_];
      if (c == '"') {
        ++position_;
        if (options_.raw_quotes) value.push_back('"');
        return value;
      }
      if (c == '$') {
        value += dollar();
        check_size(value.size());
        continue;
      }
      ++position_;
      if (c == escape_) {
        if (raw_escapes) value.push_back(escape_);
        if (at_end()) break;
        // Only these three can be escaped here; elsewhere the escape character stands for itself.
        if (at('"') || at('$') || at(escape_)) c = text_[position_++];
      }
      value.push_back(c);
    }
    throw util::Error("unexpected end of statement: missing closing double quote");
  }

  std::string name() {
    std::size_t first = position_;
    if (at_end()) return {};
    unicode::CodePoint point = unicode::decode(text_, position_);
    bool number = unicode::is_digit(point.value);
    if (!number && is_special_parameter(point.value)) return std::string(1, text_[position_++]);
    while (!at_end()) {
      point = unicode::decode(text_, position_);
      bool digit = unicode::is_digit(point.value);
      if (number ? !digit : !digit && !unicode::is_letter(point.value) && point.value != '_') break;
      position_ += point.width;
    }
    return std::string(text_.substr(first, position_ - first));
  }

  std::optional<std::string> look_up(const std::string& name) {
    std::optional<std::string> value = environment_.find(name);
    if (value) {
      result_.used.insert(name);
    } else if (undefined_.insert(name).second) {
      result_.undefined.push_back(name);
    }
    return value;
  }

  std::string dollar() {
    std::size_t first = position_++;
    auto as_written = [&] { return std::string(text_.substr(first, position_ - first)); };
    std::optional<std::string> value;
    std::string replacement;
    if (!at('{')) {
      std::string variable = name();
      if (variable.empty()) return "$";
      value = look_up(variable);
      if (value) replacement = *value;
    } else {
      ++position_;
      replacement = braced(value);
    }
    return !value && options_.keep_undefined ? as_written() : replacement;
  }

  /// The rest of `${…}`; `value` becomes that of the variable.
  std::string braced(std::optional<std::string>& value) {
    if (at_end()) throw util::Error("syntax error: missing `}`");
    if (at('{') || at('}') || at(':')) throw util::Error("syntax error: bad substitution");
    std::string variable = name();
    std::string modifier;
    if (!at_end()) modifier = next_character();
    if (modifier == "}") {
      value = look_up(variable);
      return value.value_or("");
    }
    if (modifier == "/") return replaced(variable, value);
    bool null_is_unset = modifier == ":";
    if (null_is_unset && !at_end()) modifier += next_character();
    char kind = modifier.empty() ? '\0' : modifier.back();
    bool pattern = kind == '#' || kind == '%';
    bool supported = pattern ? !null_is_unset : kind == '-' || kind == '+' || kind == '?';
    if (!supported) {
      if (at_end()) throw util::Error("syntax error: missing `}`");
      throw util::Error("unsupported modifier (" + modifier + ") in substitution");
    }
    std::string word = nested('}', pattern);
    value = look_up(variable);
    if (pattern) return stripped(kind, word, value.value_or(""));
    bool set = value && !(null_is_unset && value->empty());
    if (kind == '+') return set ? word : "";
    if (set) return *value;
    if (kind == '-') return word;
    if (options_.keep_undefined && !value) return {};
    std::string_view problem = value ? "is not allowed to be empty" : "is not allowed to be unset";
    throw util::Error(variable + ": " + (word.empty() ? std::string(problem) : word));
  }

  std::string nested(char stop, bool raw_escapes) {
    Output out(false);
    read(out, stop, raw_escapes);
    return out.take_text();
  }

  std::string stripped(char kind, std::string_view word, const std::string& value) {
    bool longest = !word.empty() && word.front() == kind;
    ShellPattern pattern(longest ? word.substr(1) : word);
    return std::string(kind == '#' ? pattern.strip_prefix(value, longest) : pattern.strip_suffix(value, longest));
  }

  std::string replaced(const std::string& variable, std::optional<std::string>& value) {
    bool all = at('/');
    if (all) ++position_;
    std::string pattern = nested('/', true);
    std::string replacement = nested('}', true);
    value = look_up(variable);
    ShellPattern compiled(pattern);
    std::string text = value.value_or("");
    return all ? compiled.replace_all(text, replacement, kMaxResult) : compiled.replace_first(text, replacement);
  }

  std::string_view text_;
  const Environment& environment_;
  const ExpandOptions& options_;
  char escape_;
  Expansion& result_;
  std::set<std::string, std::less<>> undefined_;
  std::size_t position_ = 0;
  int depth_ = 0;
};

Output run(std::string_view word, const Environment& environment, const ExpandOptions& options, bool split,
           Expansion& result) {
  Output out(split);
  try {
    Expander(word, environment, options, result).read(out, 0, options.raw_escapes);
  } catch (util::Error& error) {
    constexpr std::size_t kShown = 200;
    std::string shown(word.substr(0, kShown));
    error.add_context("expand `" + shown + (word.size() > kShown ? "…`" : "`"));
    throw;
  }
  return out;
}

}  // namespace

Expansion expand(std::string_view word, const Environment& environment, const ExpandOptions& options) {
  Expansion result;
  result.text = run(word, environment, options, false, result).take_text();
  return result;
}

std::vector<std::string> expand_words(std::string_view word, const Environment& environment,
                                      const ExpandOptions& options) {
  Expansion ignored;
  return run(word, environment, options, true, ignored).take_words();
}

}  // namespace dockerfile
