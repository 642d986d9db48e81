#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace util {

/// Go's filepath.Match on one whole path: `*` and `?` do not cross '/', classes [a-z] [^a-z], `\` escapes.
/// Throws Error for a malformed pattern.
bool match_path(std::string_view pattern, std::string_view path);
/// Whether a path has any of the special characters of match_path (* ? [ \).
bool has_wildcard(std::string_view pattern);

/// An ordered list of ignore patterns (.dockerignore semantics, moby/patternmatcher): `**` any depth,
/// `!` re-includes, the last match wins, a match on a parent directory covers what is below.
/// Immutable; thread-safe.
class PatternMatcher {
 public:
  PatternMatcher();
  /// Patterns as read by read_ignore_file. Throws Error for a malformed one.
  explicit PatternMatcher(std::vector<std::string> patterns);
  PatternMatcher(PatternMatcher&&) noexcept;
  PatternMatcher& operator=(PatternMatcher&&) noexcept;
  ~PatternMatcher();

  bool empty() const;
  /// Whether any pattern begins with '!'.
  bool has_exclusions() const;
  /// Does the list match `path` (relative, '/'-separated), or a directory above it?
  bool matches(std::string_view path) const;
  /// The pattern that decided about `path`; nullopt when none matched. For error messages.
  std::optional<std::string> deciding_pattern(std::string_view path) const;
  /// Whether something below the (matched) directory `path` might be re-included, so that it must be walked.
  bool may_match_below(std::string_view path) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Text of an ignore file to its patterns: BOM dropped, `#` at column 0 is a comment, trimmed, cleaned,
/// leading '/' dropped, `!` kept in front.
std::vector<std::string> read_ignore_file(std::string_view text);

}  // namespace util
