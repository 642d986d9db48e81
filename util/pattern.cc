#include "util/pattern.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "util/error.h"
#include "util/glob.h"
#include "util/text.h"
#include "util/utf8.h"

namespace util {
namespace {

/// White space at both ends as Go's strings.TrimSpace: also that of Unicode.
std::string_view trim_space(std::string_view text) {
  auto is_space = [](char32_t c) {
    return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
           c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
  };
  while (!text.empty()) {
    Rune rune = decode_rune(text);
    if (!rune.valid || !is_space(rune.value)) break;
    text.remove_prefix(rune.length);
  }
  while (!text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xc0) == 0x80) --start;
    Rune rune = decode_rune(text.substr(start));
    if (!rune.valid || rune.length != text.size() - start || !is_space(rune.value)) break;
    text.remove_suffix(rune.length);
  }
  return text;
}

/// Go's path.Clean: as short as the text alone allows; "." for nothing. A leading "/" and leading ".." stay.
std::string clean_path(std::string_view path) {
  bool rooted = path.starts_with('/');
  std::vector<std::string_view> parts;
  while (!path.empty()) {
    std::size_t end = std::min(path.find('/'), path.size());
    std::string_view part = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
    } else if (!parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (!rooted) {
      parts.push_back(part);
    }
  }
  std::string clean = rooted ? "/" : "";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) clean += '/';
    clean += parts[i];
  }
  return clean.empty() ? "." : clean;
}

/// Whether `path` is `directory` or below it.
bool is_within(std::string_view path, std::string_view directory) {
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}

enum class Shape { exact, prefix, suffix, expression };

/// A pattern in the two forms of which one is used: literal text or regular expression.
struct Translation {
  Shape shape = Shape::exact;
  std::string expression;
};

/// Turns one `**`, with the stars taken from the front of `rest`.
void translate_double_star(std::string_view& rest, bool at_start, Translation& result) {
  if (rest.starts_with('/')) rest.remove_prefix(1);
  if (!rest.empty()) {
    result.expression += "(?:.*/)?";
    result.shape = Shape::expression;
  } else if (result.shape == Shape::exact) {
    result.shape = Shape::prefix;
  } else {
    result.expression += ".*";
    result.shape = Shape::expression;
  }
  if (at_start) result.shape = Shape::suffix;
}

/// The translation that the reference implementation makes, with its peculiarities: the text between is a regular
/// expression except for the characters escaped here.
Translation translate(std::string_view pattern) {
  Translation result;
  std::string_view rest = pattern;
  while (!rest.empty()) {
    bool at_start = rest.size() == pattern.size();
    char c = rest[0];
    rest.remove_prefix(1);
    if (c == '*' && rest.starts_with('*')) {
      rest.remove_prefix(1);
      translate_double_star(rest, at_start, result);
    } else if (c == '*' || c == '?') {
      result.expression += c == '*' ? "[^/]*" : "[^/]";
      result.shape = Shape::expression;
    } else if (std::string_view(".+()|{}$").find(c) != std::string_view::npos) {
      result.expression += '\\';
      result.expression += c;
    } else {
      if (c == '\\' || c == '[' || c == ']') result.shape = Shape::expression;
      result.expression += c;
      if (c == '\\' && !rest.empty()) {
        result.expression += rest[0];
        rest.remove_prefix(1);
      }
    }
  }
  return result;
}

/// One line of the list, compiled.
class Pattern {
 public:
  explicit Pattern(std::string text) : text_(std::move(text)) {
    exclusion_ = text_.starts_with('!');
    if (text_ == "!") throw Error("parse pattern `!`: nothing to exclude from exclusion");
    Glob check(body());
    Translation translation = translate(is_utf8(body()) ? std::string(body()) : to_valid_utf8(body()));
    shape_ = translation.shape;
    if (shape_ != Shape::expression) return;
    RE2::Options options;
    options.set_log_errors(false);
    // The tail makes a match on a directory above count, without a match for each of them.
    expression_ = std::make_unique<RE2>(fmt::format("^(?:{})(?:/(?s:.*))?$", translation.expression), options);
    if (!expression_->ok()) throw Error(fmt::format("parse pattern `{}`: syntax error in pattern", body()));
  }

  const std::string& text() const { return text_; }
  bool exclusion() const { return exclusion_; }

  /// Whether `path` or a directory above it matches. `valid_path` is the path made UTF-8.
  bool matches(std::string_view path, std::string_view valid_path) const {
    switch (shape_) {
      case Shape::exact:
        return is_within(path, body());
      case Shape::prefix:
        return path.starts_with(body().substr(0, body().size() - 2));
      case Shape::suffix:
        return matches_suffix(path, body().substr(2));
      case Shape::expression:
        break;
    }
    return RE2::PartialMatch(re2::StringPiece(valid_path.data(), valid_path.size()), *expression_);
  }

  /// Whether something below the directory may match that the directory itself does not.
  bool may_match_below(std::string_view directory) const {
    std::string_view pattern = body();
    // Classes may match a slash: only the text before them tells.
    std::size_t opaque = pattern.find_first_of("[\\");
    if (opaque != std::string_view::npos) {
      std::string_view literal = pattern.substr(0, pattern.find_first_of("*?[\\"));
      std::string below = std::string(directory) + "/";
      return literal.starts_with(below) || below.starts_with(literal);
    }
    while (!directory.empty()) {
      std::string_view expected = take_component(pattern);
      if (expected.find("**") != std::string_view::npos) return true;
      if (expected.empty() || !Glob(expected).matches(take_component(directory))) return false;
    }
    return !pattern.empty();
  }

 private:
  std::string_view body() const { return std::string_view(text_).substr(exclusion_ ? 1 : 0); }

  static bool matches_suffix(std::string_view path, std::string_view suffix) {
    if (suffix.starts_with('/') && is_within(path, suffix.substr(1))) return true;
    for (std::size_t at = path.find(suffix); at != std::string_view::npos; at = path.find(suffix, at + 1)) {
      std::size_t end = at + suffix.size();
      if (end == path.size() || path[end] == '/' || suffix.empty()) return true;
    }
    return false;
  }

  static std::string_view take_component(std::string_view& path) {
    std::size_t end = std::min(path.find('/'), path.size());
    std::string_view component = path.substr(0, end);
    path.remove_prefix(std::min(end + 1, path.size()));
    return component;
  }

  std::string text_;
  bool exclusion_ = false;
  Shape shape_ = Shape::exact;
  std::unique_ptr<RE2> expression_;
};

}  // namespace

struct PatternMatcher::State {
  std::vector<Pattern> patterns;
  bool exclusions = false;

  /// The last pattern that changed the verdict; null when none did.
  const Pattern* deciding(std::string_view path) const {
    std::string replaced;
    std::string_view valid_path = path;
    if (!is_utf8(path)) {
      replaced = to_valid_utf8(path);
      valid_path = replaced;
    }
    const Pattern* decided = nullptr;
    for (const Pattern& pattern : patterns) {
      bool matched = decided != nullptr && !decided->exclusion();
      // Only a pattern that would change the verdict is tried.
      if (pattern.exclusion() == matched && pattern.matches(path, valid_path)) decided = &pattern;
    }
    return decided;
  }
};

PatternMatcher::PatternMatcher() : state_(std::make_unique<State>()) {}

PatternMatcher::PatternMatcher(std::vector<std::string> patterns) : PatternMatcher() {
  for (const std::string& line : patterns) {
    std::string_view text = trim_space(line);
    if (text.empty()) continue;
    state_->patterns.emplace_back(clean_path(text));
    state_->exclusions = state_->exclusions || state_->patterns.back().exclusion();
  }
}

PatternMatcher::PatternMatcher(PatternMatcher&&) noexcept = default;
PatternMatcher& PatternMatcher::operator=(PatternMatcher&&) noexcept = default;
PatternMatcher::~PatternMatcher() = default;

bool PatternMatcher::empty() const {
  return state_->patterns.empty();
}

bool PatternMatcher::has_exclusions() const {
  return state_->exclusions;
}

bool PatternMatcher::matches(std::string_view path) const {
  const Pattern* decided = state_->deciding(path);
  return decided != nullptr && !decided->exclusion();
}

std::optional<std::string> PatternMatcher::deciding_pattern(std::string_view path) const {
  const Pattern* decided = state_->deciding(path);
  if (decided == nullptr) return std::nullopt;
  return decided->text();
}

bool PatternMatcher::may_match_below(std::string_view path) const {
  if (!state_->exclusions) return false;
  std::string directory = clean_path(path);
  if (directory == "." || directory == "/") return true;
  return std::any_of(state_->patterns.begin(), state_->patterns.end(),
                     [&](const Pattern& pattern) { return pattern.exclusion() && pattern.may_match_below(directory); });
}

bool match_path(std::string_view pattern, std::string_view path) {
  return Glob(pattern).matches(path);
}

bool has_wildcard(std::string_view pattern) {
  return pattern.find_first_of("*?[\\") != std::string_view::npos;
}

std::vector<std::string> read_ignore_file(std::string_view text) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<std::string> patterns;
  for (const std::string& line : split(text, '\n')) {
    if (line.starts_with('#')) continue;
    std::string_view pattern = trim_space(line);
    if (pattern.empty()) continue;
    bool exclusion = pattern.starts_with('!');
    if (exclusion) pattern = trim_space(pattern.substr(1));
    std::string clean = pattern.empty() ? std::string() : clean_path(pattern);
    if (clean.size() > 1 && clean[0] == '/') clean.erase(0, 1);
    patterns.push_back((exclusion ? "!" : "") + clean);
  }
  return patterns;
}

}  // namespace util
