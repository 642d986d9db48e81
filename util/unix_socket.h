#pragma once

#include <filesystem>

#include "util/fd.h"

namespace util {

// Stream sockets of this machine. Addresses are limited to 107 bytes; here paths are not, but for their last component.

/// A socket bound at `path` that listens, O_CLOEXEC and O_NONBLOCK; `path` must not exist. Throws util::Error.
Fd listen_unix(const std::filesystem::path& path);
/// A connection to the socket at `path`, O_CLOEXEC. Throws util::Error.
Fd connect_unix(const std::filesystem::path& path);

}  // namespace util
