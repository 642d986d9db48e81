#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "frontend/dockerfile/unicode.h"

namespace dockerfile {

/// The patterns of `${x#p}`, `${x%p}` and `${x/p/r}`: `*` any text, `?` any character (neither crosses a line end), and
/// the escapes `\*`, `\?`, `\\`, `\/` and `\}`; no classes. Works on characters, gives positions in bytes.
class ShellPattern {
 public:
  /// Throws util::Error for an unknown escape.
  explicit ShellPattern(std::string_view text);

  /// Without the shortest or longest prefix that matches.
  std::string_view strip_prefix(std::string_view value, bool longest) const;
  std::string_view strip_suffix(std::string_view value, bool longest) const;

  /// With the first match replaced.
  std::string replace_first(std::string_view value, std::string_view replacement) const;
  /// With all matches replaced; `$0` and `${0}` in the replacement stand for the match, other `$name` for nothing, `$$`
  /// for a dollar sign. Throws util::Error when the result is longer than `limit`.
  std::string replace_all(std::string_view value, std::string_view replacement, std::size_t limit) const;

 private:
  enum class Kind { literal, any, star };
  struct Token {
    Kind kind = Kind::literal;
    char32_t value = 0;
  };
  struct Match {
    std::size_t first;
    std::size_t last;
  };
  using Characters = std::vector<unicode::CodePoint>;

  static bool step(const std::vector<Token>& tokens, char32_t character, std::vector<std::size_t>& threads);
  static std::optional<std::size_t> match_head(const std::vector<Token>& tokens, const Characters& characters,
                                               bool longest);
  std::optional<Match> search(const Characters& characters, std::size_t from) const;

  std::vector<Token> tokens_;
};

}  // namespace dockerfile
