#pragma once

#include <cerrno>
#include <utility>

#include "util/error.h"

namespace builder {

/// Runs `f`, which frees space. Where it cannot for want of space its error says what else helps: not `builder prune`, as those
/// of other commands do.
template <typename F>
auto deleting(F&& f) -> decltype(f()) {
  try {
    return std::forward<F>(f)();
  } catch (util::SystemError& error) {
    if (error.hint().empty() && (error.code() == ENOSPC || error.code() == EDQUOT)) {
      error.set_hint("even deleting needs a few MiB on this disk: free them there by other means, then try again");
    }
    throw;
  }
}

}  // namespace builder
