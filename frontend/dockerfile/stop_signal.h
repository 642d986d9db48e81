#pragma once

#include <string_view>

namespace dockerfile {

/// A signal that STOPSIGNAL may name: "SIGTERM", "term", "15", "SIGRTMIN+3". Throws util::Error for anything else.
void check_stop_signal(std::string_view text);

}  // namespace dockerfile
