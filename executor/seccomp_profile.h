#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace executor {

/// The default profile as data. Names are separated by white space; one that an architecture does not have is skipped
/// there.

/// Allowed with any arguments.
extern const std::string_view kAllowedCalls;

/// Allowed when the step has the capability.
struct CapabilityCalls {
  std::string_view capability, names;
};
extern const std::span<const CapabilityCalls> kCapabilityCalls;

/// Allowed on one architecture only ("x86_64", "x86", "x32", "aarch64", "arm", "s390x", "riscv64", "ppc64le").
struct ArchitectureCalls {
  std::string_view architecture, names;
};
extern const std::span<const ArchitectureCalls> kArchitectureCalls;

/// Calls younger than the libseccomp that resolves names; their numbers are the same everywhere. 0 = not allowed, but
/// known.
struct NewCall {
  std::uint32_t number;
  bool allowed;
};
extern const std::span<const NewCall> kNewCalls;
/// The first number this program knows nothing of.
inline constexpr std::uint32_t kFirstUnknownCall = 470;

/// Values that personality(2) may be given: Linux, Linux 32 bit, each also without address space randomisation... and
/// "just ask".
inline constexpr std::uint32_t kPersonalities[] = {0x0, 0x8, 0x20000, 0x20008, 0xffffffff};
/// Flags of clone(2) that make a namespace.
inline constexpr std::uint32_t kNamespaceFlags = 0x7e020000;
/// Address families that socket(2) refuses: AF_ALG (the kernel's cryptography) and AF_VSOCK (the hypervisor).
inline constexpr std::uint32_t kRefusedFamilies[] = {38, 40};

}  // namespace executor
