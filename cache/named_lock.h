#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

namespace cache {

/// Holds the exclusive lock `name` in `directory` (across processes and threads) while the returned object lives; the
/// lock file is deleted with it. Blocks; throws util::Cancelled, util::SystemError.
std::shared_ptr<void> lock_named(const std::filesystem::path& directory, const std::string& name, std::stop_token stop);

}  // namespace cache
