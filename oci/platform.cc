#include "oci/platform.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <vector>

#include "util/error.h"
#include "util/text.h"

namespace oci {
namespace {

constexpr std::array<std::string_view, 18> kSystems = {
    "aix",   "android", "darwin", "dragonfly", "freebsd", "hurd",    "illumos", "ios",     "js",
    "linux", "nacl",    "netbsd", "openbsd",   "plan9",   "solaris", "wasip1",  "windows", "zos"};

constexpr std::array<std::string_view, 25> kArchitectures = {
    "386",    "amd64",    "arm",       "armbe",       "arm64", "arm64be",  "loong64", "mips",  "mipsle",
    "mips64", "mips64le", "mips64p32", "mips64p32le", "ppc",   "ppc64",    "ppc64le", "riscv", "riscv64",
    "s390",   "s390x",    "sparc",     "sparc64",     "wasm",  "amd64p32", "loong32"};

template <typename List>
bool contains(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

[[noreturn]] void refuse(std::string_view text, std::string_view why) {
  throw util::Error(fmt::format("parse platform `{}`: {}", text, why),
                    "a platform is written os/architecture[/variant], for example linux/amd64 or linux/arm/v7");
}

bool valid_part(std::string_view part) {
  return !part.empty() && std::all_of(part.begin(), part.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

/// "windows(10.0.17763)" -> os and os.version.
void split_version(std::string& os, std::string& version) {
  size_t open = os.find('(');
  if (open == std::string::npos || os.back() != ')') return;
  version = os.substr(open + 1, os.size() - open - 2);
  os.resize(open);
}

/// The number of a variant such as "v7"; -1 when it has none.
int variant_number(std::string_view variant) {
  if (!variant.empty() && variant.front() == 'v') variant.remove_prefix(1);
  if (variant.empty() || variant.size() > 2) return -1;
  int number = 0;
  for (char c : variant) {
    if (c < '0' || c > '9') return -1;
    number = number * 10 + (c - '0');
  }
  return number;
}

/// What a machine of `wanted` runs, the best first (containerd's order).
std::vector<Platform> runnable(const Platform& wanted) {
  std::vector<Platform> all = {wanted};
  auto add = [&](std::string architecture, std::string variant) {
    Platform platform = wanted;
    platform.architecture = std::move(architecture);
    platform.variant = std::move(variant);
    all.push_back(platform.normalized());
  };
  int number = variant_number(wanted.variant);
  if (wanted.architecture == "amd64") {
    for (int i = number - 1; i >= 1; --i) add("amd64", fmt::format("v{}", i));
    add("386", "");
  } else if (wanted.architecture == "arm") {
    for (int i = number - 1; i >= 5; --i) add("arm", fmt::format("v{}", i));
  } else if (wanted.architecture == "arm64") {
    for (int i = number - 1; i >= 8; --i) add("arm64", fmt::format("v{}", i));
    for (int i = 8; i >= 5; --i) add("arm", fmt::format("v{}", i));
  }
  return all;
}

/// Windows images run only on the build they were made for.
std::string_view windows_build(std::string_view version) {
  size_t end = 0;
  for (int dots = 0; end < version.size(); ++end) {
    if (version[end] == '.' && ++dots == 3) break;
  }
  return version.substr(0, end);
}

}  // namespace

Platform Platform::normalized() const {
  Platform result = *this;
  result.os = util::to_lower(os);
  if (result.os == "macos") result.os = "darwin";
  std::string arch = util::to_lower(architecture);
  std::string level = util::to_lower(variant);
  if (arch == "i386" || arch == "i486" || arch == "i586" || arch == "i686") {
    arch = "386";
    level.clear();
  } else if (arch == "x86_64" || arch == "x86-64" || arch == "amd64") {
    arch = "amd64";
    if (level == "v1") level.clear();
  } else if (arch == "aarch64" || arch == "arm64") {
    arch = "arm64";
    if (level == "8" || level == "v8" || level == "v8.0") level.clear();
    if (level == "9" || level == "v9.0") level = "v9";
  } else if (arch == "armhf") {
    arch = "arm";
    level = "v7";
  } else if (arch == "armel") {
    arch = "arm";
    level = "v6";
  } else if (arch == "arm") {
    if (level.empty() || level == "7") level = "v7";
    if (level == "5" || level == "6" || level == "8") level.insert(0, "v");
  }
  result.architecture = std::move(arch);
  result.variant = std::move(level);
  return result;
}

Platform Platform::parse(std::string_view text) {
  if (text == "local") return local();
  if (text.find('*') != std::string_view::npos) refuse(text, "wildcards are not supported");
  std::vector<std::string> parts = util::split(text, '/');
  if (parts.size() > 3) refuse(text, "more than three parts");
  Platform result;
  split_version(parts[0], result.os_version);
  for (const std::string& part : parts) {
    if (!valid_part(part)) refuse(text, part.empty() ? "a part is empty" : "invalid characters");
  }
  if (parts.size() > 1) {
    result.os = parts[0];
    result.architecture = parts[1];
    if (parts.size() == 3) result.variant = parts[2];
    return result.normalized();
  }
  Platform as_system = result, as_architecture = result;
  as_system.os = parts[0];
  as_system = as_system.normalized();
  if (contains(kSystems, as_system.os)) {
    as_system.architecture = local().architecture;
    as_system.variant = local().variant;
    return as_system;
  }
  as_architecture.os = local().os;
  as_architecture.architecture = parts[0];
  as_architecture = as_architecture.normalized();
  if (!contains(kArchitectures, as_architecture.architecture)) refuse(text, "unknown operating system or architecture");
  return as_architecture;
}

Platform Platform::local() {
  static const Platform platform = [] {
    Platform here;
    utsname name{};
    if (uname(&name) != 0) return here;
    std::string machine = name.machine;
    here.architecture = machine;
    if (machine.starts_with("armv") && machine.size() > 4) {
      here.architecture = "arm";
      here.variant = std::string("v") + machine[4];
    } else if (machine == "loongarch64") {
      here.architecture = "loong64";
    }
    return here.normalized();
  }();
  return platform;
}

std::string Platform::to_string() const {
  std::string text = os + "/" + architecture;
  if (!variant.empty()) text += "/" + variant;
  return text;
}

int match_score(const Platform& wanted_as_written, const Platform& candidate_as_written) {
  Platform wanted = wanted_as_written.normalized(), candidate = candidate_as_written.normalized();
  if (wanted.os != candidate.os) return 0;
  bool same_version = wanted.os_version == candidate.os_version;
  if (wanted.os == "windows" && !wanted.os_version.empty() && !candidate.os_version.empty() &&
      windows_build(wanted.os_version) != windows_build(candidate.os_version)) {
    return 0;
  }
  std::vector<Platform> order = runnable(wanted);
  for (size_t i = 0; i < order.size(); ++i) {
    if (order[i].architecture != candidate.architecture || order[i].variant != candidate.variant) continue;
    return 2 * (100 - static_cast<int>(i)) + (same_version ? 1 : 0);
  }
  return 0;
}

}  // namespace oci
