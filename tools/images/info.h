#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "cache/cache_dir.h"

namespace builder {

/// What `info` tells: the store, this machine, how RUN is isolated here, and what is missing for more. Fields that
/// docker has too bear docker's names (ServerVersion, Images, Driver, DockerRootDir, NCPU, MemTotal, …). Sizes in
/// bytes. To be called after executor::enter_user_namespace_if_needed. Throws util::Error if the store cannot be read.
nlohmann::ordered_json system_info(cache::CacheDir& cache);

/// The same for people.
std::string describe_info(const nlohmann::ordered_json& info);

/// Ids of the user namespace that the text of /proc/self/uid_map describes.
std::uint64_t mapped_ids(const std::string& uid_map);

}  // namespace builder
