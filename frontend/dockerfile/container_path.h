#pragma once

#include <string>
#include <string_view>

// Paths inside a container, as text: always '/'-separated, never looked up.
namespace dockerfile {

/// Absolute form of `path` seen from `base` (absolute), without ".", ".." and doubled '/'. ".." stops at the root.
std::string join_path(std::string_view base, std::string_view path);
/// The same, ending in '/' when `path` is written as a directory ("x/", "x/.", ".", ""): the destination of a COPY.
std::string join_directory_path(std::string_view base, std::string_view path);
/// Last element of a path; empty for "", "/" and the like.
std::string base_name(std::string_view path);

}  // namespace dockerfile
