#pragma once

#include "frontend/dockerfile/parser.h"

namespace dockerfile {

/// Throws a ParseError "dockerfile parse error on line N: …" at `location`, whose first line is N.
[[noreturn]] void throw_parse_error(const util::Error& error, llb::SourceLocation location);

}  // namespace dockerfile
