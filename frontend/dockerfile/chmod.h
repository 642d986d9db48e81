#pragma once

#include <string_view>

namespace dockerfile {

/// A --chmod value: octal up to 07777, or chmod(1)'s symbolic form ("u=rwX,go+r"). Throws util::Error.
void check_chmod(std::string_view text);

}  // namespace dockerfile
