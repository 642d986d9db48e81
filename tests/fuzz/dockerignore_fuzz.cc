#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/dockerfile/dockerignore.h"
#include "util/check.h"
#include "util/error.h"
#include "util/pattern.h"

// Patterns that are accepted must make a matcher.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    std::vector<std::string> patterns = dockerfile::parse_dockerignore(text);
    util::PatternMatcher matcher(patterns);
    // Of "/ /" a blank is left, which the matcher passes over.
    CHECK(matcher.empty() || !patterns.empty());
    matcher.matches("a/b/c.txt");
    matcher.may_match_below("a");
  } catch (const util::Error&) {
  }
  return 0;
}
