#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace executor {

/// Who the process is.
struct UserIds {
  std::uint32_t uid = 0, gid = 0;
  std::vector<std::uint32_t> groups;  ///< supplementary; without `gid`
  std::string home = "/";             ///< from passwd
};

/// What USER says ("name", "uid", "name:group", "uid:gid"), with the texts of the root's passwd and group files
/// (nullopt = no such file). Empty means root, who need not be in the files. Throws util::Error for a name that is not
/// found or an id out of range.
UserIds find_user(std::string_view user, const std::optional<std::string>& passwd,
                  const std::optional<std::string>& group);
/// The same with the files of the root (regular files of at most 10 MiB, never outside the root).
UserIds find_user_in_root(std::string_view user, int root_fd);

/// Sets of capabilities as bits (1 << CAP_*).
using Capabilities = std::uint64_t;
/// What a step has by default: the fourteen of every container engine.
Capabilities default_capabilities();
/// The number of "CAP_CHOWN"; -1 when unknown.
int capability_number(std::string_view name);
/// What this process has permitted.
Capabilities permitted_capabilities();

/// Makes the calling process the user, with these capabilities: bounding set, permitted and effective; no inheritable
/// and no ambient ones unless `ambient`. Supplementary groups are left alone where the kernel forbids setting them.
/// Throws util::Error.
void become_user(const UserIds& user, Capabilities capabilities, bool ambient);

}  // namespace executor
