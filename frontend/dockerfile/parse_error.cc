#include "frontend/dockerfile/parse_error.h"

namespace dockerfile {

void throw_parse_error(const util::Error& error, llb::SourceLocation location) {
  int line = location.ranges.empty() ? 0 : location.ranges[0].first;
  std::string where = line > 0 ? " on line " + std::to_string(line) : "";
  throw ParseError("dockerfile parse error" + where + ": " + error.message(), std::move(location), error.hint());
}

}  // namespace dockerfile
