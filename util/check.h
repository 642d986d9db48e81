#pragma once

namespace util {
/// Prints the broken invariant and aborts. Used through CHECK, on in release builds too.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}  // namespace util

#define CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::util::check_failed(#condition, __FILE__, __LINE__))
#define UNREACHABLE() ::util::check_failed("unreachable", __FILE__, __LINE__)
