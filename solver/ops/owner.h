#pragma once

#include <cstdint>
#include <string_view>

#include "cache/tree.h"

namespace ops {

struct UserIds {
  std::uint32_t uid = 0, gid = 0;
};

enum class UnknownName { error, is_root };

/// Ids of "user[:group]", names or numbers. Names are looked up in /etc/passwd and /etc/group of `root`; a name alone
/// brings the user's primary group, a number alone stands for the group too; "root" is 0 without look-up. Throws
/// util::Error for a name that is unknown, unless unknown ones count as root.
UserIds look_up_owner(const cache::Tree& root, std::string_view text, UnknownName unknown);

}  // namespace ops
