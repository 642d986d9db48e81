#pragma once

#include <functional>
#include <string>

#include "util/error.h"

namespace builder {

/// The one place that turns a failure into text: log tail of a failed step, Dockerfile excerpt with the failing lines marked,
/// one line that says what failed and why, and what to do about it.
std::string render_error(const util::Error& error);

/// A part of a command that goes on with the next one after a failure: an error of `work` goes to standard error, and makes
/// this false. util::Cancelled is passed on.
bool attempt(const std::function<void()>& work);

}  // namespace builder
