#include "frontend/dockerfile/dockerignore.h"

#include <algorithm>

#include "util/error.h"
#include "util/pattern.h"
#include "util/text.h"

namespace dockerfile {

namespace {

void check_pattern(const std::string& pattern) {
  if (pattern == "!") throw util::Error("illegal exclusion pattern: \"!\"");
  util::PatternMatcher({pattern});
}

}  // namespace

std::vector<std::string> parse_dockerignore(std::string_view text) {
  std::vector<std::string> patterns;
  int number = 0;
  while (!text.empty()) {
    ++number;
    std::size_t length = std::min(text.find('\n'), text.size() - 1) + 1;
    for (std::string& pattern : util::read_ignore_file(text.substr(0, length))) {
      util::with_context("ignore file, line " + std::to_string(number), [&] { check_pattern(pattern); });
      patterns.push_back(std::move(pattern));
    }
    text.remove_prefix(length);
  }
  return patterns;
}

}  // namespace dockerfile
