#pragma once

#include <string_view>
#include <vector>

namespace util {

/// A compiled pattern of Go's filepath.Match. Immutable; thread-safe.
class Glob {
 public:
  /// Throws Error for a malformed pattern.
  explicit Glob(std::string_view pattern);
  bool matches(std::string_view path) const;

 private:
  struct Range {
    char32_t first;
    char32_t last;
  };
  enum class Kind { byte, any, star, one_of, none_of };
  struct Token {
    Kind kind;
    char byte = 0;
    std::vector<Range> ranges;
  };
  class Parser;
  static bool accepts(const Token& token, std::string_view& path);

  std::vector<Token> tokens_;
};

}  // namespace util
