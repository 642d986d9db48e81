#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

// Parser directives: `# key=value` lines at the very top of a Dockerfile (FEATURES.md 1.1).
namespace dockerfile {

/// One directive: `# syntax = a/b:c more`.
struct Directive {
  std::string name;   ///< lower case: syntax, check or escape
  std::string value;  ///< up to the first blank: "a/b:c"
  std::string full;   ///< all of it: "a/b:c more"
  int line = 0;       ///< 1-based
};

/// Reads directives line by line and stops at the first line that is none.
class DirectiveReader {
 public:
  /// `comment` is what introduces a directive; `line` the number of lines before the first one given.
  explicit DirectiveReader(std::string_view comment = "#", int line = 0) : comment_(comment), line_(line) {}

  /// The directive in the next line (without its line end). Throws util::Error when a key comes twice.
  std::optional<Directive> read(std::string_view line);
  bool done() const { return done_; }

 private:
  std::string_view comment_;
  int line_;
  bool done_ = false;
  std::set<std::string, std::less<>> seen_;
};

/// The `syntax` directive, also after a `#!` line, as `// syntax=`, or as key of a JSON object (then line is 0).
std::optional<Directive> find_syntax(std::string_view text);
/// The `check` directive, also after a `#!` line. Nothing after a malformed or repeated directive is seen.
std::optional<Directive> find_check(std::string_view text);

}  // namespace dockerfile
