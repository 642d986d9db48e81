#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "util/stream.h"

namespace builder {

/// Does it begin as something compressed, or as a tar archive does?
bool is_archive(util::Reader& data);

/// Content of a file of a tar archive (compressed or not), links followed as if it were unpacked; nullopt when it is
/// not there. `open` is called twice. Throws util::Error for what is no archive or a file above `limit`.
std::optional<std::string> read_archived_file(const std::function<std::unique_ptr<util::Reader>()>& open,
                                              const std::string& path, std::size_t limit);

/// The newest time of a member of a tar archive (compressed or not), in seconds since 1970; nullopt when it has none. Throws
/// util::Error.
std::optional<std::int64_t> newest_member_time(util::Reader& archive);

}  // namespace builder
