#include "util/glob.h"

#include <fmt/format.h>

#include <algorithm>

#include "util/error.h"
#include "util/utf8.h"

namespace util {

class Glob::Parser {
 public:
  explicit Parser(std::string_view pattern) : pattern_(pattern), rest_(pattern) {}

  std::vector<Token> run() {
    std::vector<Token> tokens;
    while (!rest_.empty()) {
      char c = take();
      if (c == '*') {
        if (tokens.empty() || tokens.back().kind != Kind::star) tokens.push_back({Kind::star, 0, {}});
      } else if (c == '?') {
        tokens.push_back({Kind::any, 0, {}});
      } else if (c == '[') {
        tokens.push_back(character_class());
      } else {
        if (c == '\\') c = take();
        tokens.push_back({Kind::byte, c, {}});
      }
    }
    return tokens;
  }

 private:
  [[noreturn]] void fail() const { throw Error(fmt::format("parse pattern `{}`: syntax error in pattern", pattern_)); }

  char take() {
    if (rest_.empty()) fail();
    char c = rest_[0];
    rest_.remove_prefix(1);
    return c;
  }

  bool accept(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  Token character_class() {
    Token token{accept('^') ? Kind::none_of : Kind::one_of, 0, {}};
    do {
      char32_t first = member();
      token.ranges.push_back({first, accept('-') ? member() : first});
    } while (!accept(']'));
    return token;
  }

  /// One character of a class; "-" and "]" must be escaped.
  char32_t member() {
    if (rest_.empty() || rest_[0] == '-' || rest_[0] == ']') fail();
    accept('\\');
    if (rest_.empty()) fail();
    Rune rune = decode_rune(rest_);
    if (!rune.valid) fail();
    rest_.remove_prefix(rune.length);
    return rune.value;
  }

  std::string_view pattern_;
  std::string_view rest_;
};

Glob::Glob(std::string_view pattern) : tokens_(Parser(pattern).run()) {}

/// Consumes what one token other than a star takes from a path that is not empty.
bool Glob::accepts(const Token& token, std::string_view& path) {
  if (token.kind == Kind::byte) {
    if (path[0] != token.byte) return false;
    path.remove_prefix(1);
    return true;
  }
  if (token.kind == Kind::any && path[0] == '/') return false;
  Rune rune = decode_rune(path);
  path.remove_prefix(rune.length);
  if (token.kind == Kind::any) return true;
  // As in Go, a class may match the separator.
  bool found = std::any_of(token.ranges.begin(), token.ranges.end(),
                           [&](const Range& range) { return range.first <= rune.value && rune.value <= range.last; });
  return found == (token.kind == Kind::one_of);
}

bool Glob::matches(std::string_view path) const {
  // Only the last star passed is ever tried again: what an earlier one could win, the later one can too. This keeps
  // the time within the product of the two lengths.
  auto token = tokens_.begin();
  auto after_star = tokens_.end();
  bool starred = false;
  std::string_view star_path;
  while (true) {
    if (token != tokens_.end() && token->kind == Kind::star) {
      if (++token == tokens_.end()) return path.find('/') == std::string_view::npos;
      after_star = token;
      star_path = path;
      starred = true;
      continue;
    }
    if (token == tokens_.end()) {
      if (path.empty()) return true;
    } else if (!path.empty() && accepts(*token, path)) {
      ++token;
      continue;
    }
    if (!starred || star_path.empty() || star_path[0] == '/') return false;
    star_path.remove_prefix(1);
    path = star_path;
    token = after_star;
  }
}

}  // namespace util
