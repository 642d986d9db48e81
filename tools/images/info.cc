#include "tools/images/info.h"

#include <fmt/format.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "cache/overlay_snapshotter.h"
#include "executor/cgroup.h"
#include "executor/user_namespace.h"
#include "tools/images/image_view.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/text.h"

namespace builder {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Text of a file of /proc or /etc; empty when it cannot be read.
std::string text_of(const fs::path& file) {
  try {
    return util::read_file(file);
  } catch (const util::Error&) {
    return {};
  }
}

bool has_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  for (const std::string& directory : util::split(path != nullptr ? path : "/usr/sbin:/usr/bin:/sbin:/bin", ':')) {
    if (::access((fs::path(directory) / name).c_str(), X_OK) == 0) return true;
  }
  return false;
}

std::string operating_system() {
  for (const std::string& line : util::split(text_of("/etc/os-release"), '\n')) {
    if (!line.starts_with("PRETTY_NAME=")) continue;
    std::string name = line.substr(12);
    std::erase(name, '"');
    return name;
  }
  return "unknown";
}

std::string user_mapping() {
  const executor::Privilege& privilege = executor::privilege();
  if (privilege.real_root) return "root, no user namespace";
  if (!privilege.in_user_namespace) return "none";
  const std::uint64_t ids = mapped_ids(text_of("/proc/self/uid_map"));
  return ids > 1 ? fmt::format("user namespace with {} ids", ids) : "user namespace with just the own id";
}

std::vector<std::string> controllers(const executor::CgroupLayout& layout) {
  std::set<std::string> names;
  for (const auto& hierarchy : layout.hierarchies) {
    if (layout.unified) {
      const fs::path own = hierarchy.mount_point / fs::path(hierarchy.own_path).relative_path();
      std::istringstream text(text_of(own / "cgroup.controllers"));
      for (std::string name; text >> name;) names.insert(name);
    } else if (::access(hierarchy.mount_point.c_str(), W_OK) == 0) {
      names.insert(hierarchy.controllers.begin(), hierarchy.controllers.end());
    }
  }
  std::erase_if(names, [](const std::string& name) { return name.empty() || name.starts_with("name="); });
  return {names.begin(), names.end()};
}

/// Platforms whose programs the kernel hands to an emulator.
std::vector<std::string> emulated() {
  std::set<std::string> names;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc/sys/fs/binfmt_misc", ignored)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("qemu-") && text_of(entry.path()).starts_with("enabled")) names.insert(name.substr(5));
  }
  return {names.begin(), names.end()};
}

void add_missing(Json& info, const std::string& what, const std::string& remedy) {
  info["Missing"].push_back({{"What", what}, {"Remedy", remedy}});
}

void add_isolation(Json& info, const fs::path& root) {
  const executor::Privilege& privilege = executor::privilege();
  const bool possible = privilege.problem.empty();
  const bool overlay = possible && cache::overlay_usable(root);
  const bool forced_copy =
      std::getenv("BUILDER_SNAPSHOTTER") != nullptr && std::string_view(std::getenv("BUILDER_SNAPSHOTTER")) == "copy";
  const executor::CgroupLayout cgroups =
      executor::find_cgroup_layout(text_of("/proc/self/cgroup"), text_of("/proc/self/mountinfo"));
  const bool seccomp = ::access("/proc/sys/kernel/seccomp/actions_avail", F_OK) == 0;
  info["Driver"] = overlay && !forced_copy ? "overlay" : "copy";
  info["CgroupVersion"] = cgroups.hierarchies.empty() ? "none" : cgroups.unified ? "2" : "1";
  info["CgroupControllers"] = controllers(cgroups);
  info["SecurityOptions"] = Json::array();
  if (seccomp) info["SecurityOptions"].push_back("name=seccomp,profile=builtin");
  if (privilege.in_user_namespace) info["SecurityOptions"].push_back("name=rootless");
  info["Run"] = {
      {"Possible", possible},
      {"Namespaces", possible ? Json::array({"mount", "pid", "ipc", "uts", "cgroup", "net as asked"}) : Json::array()},
      {"UserMapping", user_mapping()}};
  info["Emulated"] = emulated();

  if (!possible) add_missing(info, "RUN: " + privilege.problem, privilege.hint);
  if (!privilege.warning.empty()) add_missing(info, privilege.warning, privilege.hint);
  if (possible && !overlay)
    add_missing(info, "overlayfs: steps work on full copies, which is slow",
                "have Linux 5.11 or newer, or keep the store (BUILDER_ROOT) on a file system that overlayfs can write to, "
                "such as ext4 or xfs");
  if (possible && info["CgroupControllers"].empty()) {
    add_missing(info, "cgroup controllers: --resource and --memory cannot limit a RUN",
                "run it in a cgroup of its own: `systemd-run --user --scope -p Delegate=yes builder …`");
  }
  if (!seccomp)
    add_missing(info, "seccomp: system calls of RUN cannot be filtered", "use a kernel with CONFIG_SECCOMP_FILTER");
  if (!privilege.real_root && !(has_program("newuidmap") && has_program("newgidmap")))
    add_missing(info, "newuidmap, newgidmap: RUN has one user id only", "install the package `uidmap`");
  if (!has_program("git")) add_missing(info, "git: no build contexts or ADD from git", "install the package `git`");
}

std::uint64_t stored_size(const ImageView& view) {
  std::set<util::Digest> counted;
  std::uint64_t size = 0;
  for (const LocalImage& image : view.images()) {
    for (const PlatformImage& platform : image.platforms) {
      if (!platform.present || platform.attestation) continue;
      const std::vector<std::uint64_t> sizes = view.layer_sizes(platform);
      for (std::size_t i = 0; i != sizes.size(); ++i) {
        if (counted.insert(platform.layers[i].digest).second) size += sizes[i];
      }
    }
  }
  return size;
}

void add_store(Json& info, cache::CacheDir& cache) {
  const ImageView view(cache);
  std::set<util::Digest> ids;
  std::size_t untagged = 0;
  for (const LocalImage& image : view.images()) {
    ids.insert(image.id());
    untagged += image.names.empty() ? 1 : 0;
  }
  info["DockerRootDir"] = cache.root().native();
  info["Images"] = ids.size();
  info["UntaggedImages"] = untagged;
  info["ImagesSize"] = stored_size(view);
  std::error_code failed;
  const fs::space_info space = fs::space(cache.root(), failed);
  info["FreeSpace"] = failed ? 0 : space.available;
}

void add_machine(Json& info) {
  utsname system = {};
  ::uname(&system);
  struct sysinfo memory = {};
  ::sysinfo(&memory);
  info["KernelVersion"] = std::string(system.release);
  info["OperatingSystem"] = operating_system();
  info["OSType"] = "linux";
  info["Architecture"] = std::string(system.machine);
  info["NCPU"] = std::max(1u, std::thread::hardware_concurrency());
  info["MemTotal"] = static_cast<std::uint64_t>(memory.totalram) * memory.mem_unit;
  info["Name"] = std::string(system.nodename);
}

std::string joined(const Json& list) {
  const auto texts = list.get<std::vector<std::string>>();
  return texts.empty() ? "none" : util::join(texts, ", ");
}

}  // namespace

std::uint64_t mapped_ids(const std::string& uid_map) {
  std::istringstream text(uid_map);
  std::uint64_t inside = 0, outside = 0, count = 0, total = 0;
  while (text >> inside >> outside >> count) total += count;
  return total;
}

Json system_info(cache::CacheDir& cache) {
  Json info;
  info["ServerVersion"] = BUILDER_VERSION;
  info["Missing"] = Json::array();
  add_store(info, cache);
  add_isolation(info, cache.root());
  add_machine(info);
  return info;
}

std::string describe_info(const Json& info) {
  const auto text = [&](const char* name) { return info.at(name).get<std::string>(); };
  const auto number = [&](const char* name) { return info.at(name).get<std::uint64_t>(); };
  const Json& run = info.at("Run");
  std::string out = fmt::format("Version: {}\n", text("ServerVersion"));
  out += fmt::format("Store: {}\n Images: {} ({} untagged)\n Images Size: {}\n Free Space: {}\n", text("DockerRootDir"),
                     number("Images"), number("UntaggedImages"), util::human_size(number("ImagesSize")),
                     util::human_size(number("FreeSpace")));
  out += fmt::format("RUN: {}\n",
                     run.at("Possible").get<bool>() ? "isolated by this program itself" : "not possible here");
  out += fmt::format(" Users: {}\n Namespaces: {}\n Storage Driver: {}\n", run.at("UserMapping").get<std::string>(),
                     joined(run.at("Namespaces")), text("Driver"));
  out += fmt::format(" Cgroup Version: {}\n Cgroup Controllers: {}\n", text("CgroupVersion"),
                     joined(info.at("CgroupControllers")));
  out += fmt::format(" Security Options: {}\n Emulated Architectures: {}\n", joined(info.at("SecurityOptions")),
                     joined(info.at("Emulated")));
  out += fmt::format(
      "Kernel Version: {}\nOperating System: {}\nOSType: {}\nArchitecture: {}\nCPUs: {}\nTotal Memory: "
      "{:.2f}GiB\nName: {}\n",
      text("KernelVersion"), text("OperatingSystem"), text("OSType"), text("Architecture"), number("NCPU"),
      static_cast<double>(number("MemTotal")) / (1 << 30), text("Name"));
  if (info.at("Missing").empty()) return out + "Missing: nothing\n";
  out += "Missing:\n";
  for (const Json& missing : info.at("Missing")) {
    out += " " + missing.at("What").get<std::string>() + "\n";
    if (const auto remedy = missing.at("Remedy").get<std::string>(); !remedy.empty()) out += "  " + remedy + "\n";
  }
  return out;
}

}  // namespace builder
