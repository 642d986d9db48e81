#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace llb {

/// Text of a source file with its name for messages.
struct SourceText {
  std::string name;  ///< "Dockerfile"
  std::string text;
};

/// Lines `first`..`last`, 1-based, inclusive; 0 = nowhere.
struct SourceRange {
  int first = 0;
  int last = 0;
  explicit operator bool() const { return first > 0; }
  bool operator==(const SourceRange&) const = default;
};

/// A range in a particular file.
struct SourceLocation {
  std::shared_ptr<const SourceText> source;
  std::vector<SourceRange> ranges;
};

/// The block BuildKit prints: "file:line", a rule of 20 dashes, " %3d | " numbered lines with ">>>" before the
/// failing ones, the rule again; two lines of context around a one-line range, one around a longer one.
std::string excerpt(const SourceText& source, const std::vector<SourceRange>& ranges);

}  // namespace llb
