#pragma once

#include <string>

#include "util/error.h"

namespace builder {

/// The one place that turns a failure into text: log tail of a failed step, Dockerfile excerpt with the failing lines marked,
/// one line that says what failed and why, and what to do about it.
std::string render_error(const util::Error& error);

}  // namespace builder
