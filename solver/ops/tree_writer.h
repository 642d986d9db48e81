#pragma once

#include <filesystem>
#include <stop_token>

#include "cache/tree.h"

namespace ops {

/// Writes everything in `tree` into the existing directory `to`, with owners, modes, times and attributes. Device nodes
/// are left out where they cannot be made. Throws util::Error, Cancelled.
void write_tree(const cache::Tree& tree, const std::filesystem::path& to, std::stop_token stop);

/// Owner and mode of a directory or file. Throws util::SystemError.
void set_owner_and_mode(const std::filesystem::path& path, std::uint32_t uid, std::uint32_t gid, std::uint32_t mode);

}  // namespace ops
