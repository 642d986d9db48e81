#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace cache {

/// 64-bit hash with a fixed definition (it is on disk); four lanes, so that it keeps up with memory. Finds damage, not
/// forgery. Of the parts all but the last have a multiple of 32 bytes; how the bytes are cut makes no difference.
std::uint64_t lane_hash(std::initializer_list<std::string_view> parts);

}  // namespace cache
