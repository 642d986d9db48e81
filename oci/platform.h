#pragma once

#include <compare>
#include <string>
#include <string_view>

namespace oci {

/// os/architecture[/variant] as in image-spec; normalised (x86_64 -> amd64, aarch64 and arm64/v8 -> arm64,
/// armhf -> arm/v7, arm without variant -> arm/v7).
struct Platform {
  std::string os = "linux";
  std::string architecture = "amd64";
  std::string variant;
  std::string os_version;

  /// "linux/arm64/v8", "arm64", "linux", "local". Throws util::Error.
  static Platform parse(std::string_view text);
  /// Of this machine.
  static Platform local();
  /// With the spellings of containerd's normalisation; what a foreign config or index says is kept as it is until then.
  Platform normalized() const;
  /// "linux/arm/v7".
  std::string to_string() const;
  auto operator<=>(const Platform&) const = default;
};

/// Does an image for `candidate` run on `wanted` (same, or an older variant: arm v7 runs v6, ...)?
/// Higher is better, 0 = no match, equal platforms score highest.
int match_score(const Platform& wanted, const Platform& candidate);

}  // namespace oci
