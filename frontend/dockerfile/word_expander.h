#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dockerfile {

/// Variables in declaration order; a later definition of a name replaces the value in place.
class Environment {
 public:
  Environment() = default;
  void set(const std::string& name, const std::string& value);
  std::optional<std::string> find(std::string_view name) const;
  /// "K=V" in order.
  std::vector<std::string> list() const;
  const std::vector<std::pair<std::string, std::string>>& items() const { return items_; }

 private:
  std::vector<std::pair<std::string, std::string>> items_;
  std::map<std::string, std::size_t, std::less<>> index_;
};

struct ExpandOptions {
  char escape = '\\';
  /// COPY heredoc bodies: quotes are literal, backslash removes itself before any character.
  bool heredoc_body = false;
  /// Leave quotes and escapes as they are.
  bool raw_quotes = false;
  bool raw_escapes = false;
  /// Leave a reference to an undefined variable as written instead of replacing it with nothing.
  bool keep_undefined = false;
};

struct Expansion {
  std::string text;
  std::vector<std::string> undefined;    ///< names used but not defined, in order of first use
  std::set<std::string> used;            ///< names found
};

/// Expands `word` (FEATURES.md 1.3: all operators, nesting, quotes and escapes removed). Throws util::Error for
/// malformed words and for `${x:?message}`.
Expansion expand(std::string_view word, const Environment& environment, const ExpandOptions& options = {});
/// The same, then split into words at unquoted blanks (EXPOSE, heredoc names).
std::vector<std::string> expand_words(std::string_view word, const Environment& environment,
                                      const ExpandOptions& options = {});

}  // namespace dockerfile
