#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace executor {

/// Looks only at the low 32 bits of an argument: all arguments that the profile cares for are of type int.
struct ArgumentRule {
  enum class Test {
    equals_one_of,     ///< allowed if the argument is one of `values`
    differs_from_all,  ///< allowed if it is none of `values`
    has_no_bits        ///< allowed if it has none of the bits of values[0]
  };
  int argument = 0;
  Test test = Test::equals_one_of;
  std::vector<std::uint32_t> values;
};

/// What happens to a system call.
struct CallAction {
  bool allow = false;
  int error = 0;                    ///< errno when not allowed
  std::vector<ArgumentRule> rules;  ///< `allow` only: with one rule (more is not needed by the profile); else EPERM
};

/// The calls of one architecture: AUDIT_ARCH_* and the numbers that are not refused with EPERM.
struct ArchitectureFilter {
  std::uint32_t audit_architecture = 0;
  std::map<std::uint32_t, CallAction> calls;
  std::uint32_t first_unknown = 0;  ///< numbers from here on fail with ENOSYS
};

/// Compiles to a seccomp program: a binary search over ranges of numbers, so that the cost of a call grows with the
/// logarithm of the list. `foreign_abi_bit`: numbers with this bit are looked up in `foreign` (x32 on x86-64); 0 =
/// none.
struct FilterTable {
  std::vector<ArchitectureFilter> architectures;
  std::uint32_t foreign_abi_bit = 0;
  ArchitectureFilter foreign;  ///< shares the audit architecture of architectures[0]
};
std::vector<sock_filter> compile_filter(const FilterTable& table);

}  // namespace executor
