#include "executor/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "util/error.h"
#include "util/text.h"

namespace executor {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDelegationHint =
    "limits need a cgroup that this user may change: build as root, or start the build with `systemd-run --user "
    "--scope -p Delegate=yes`";

std::string unescape_mount_point(const std::string& text) {
  std::string result = util::replace_all(text, "\\040", " ");
  return util::replace_all(result, "\\011", "\t");
}

void write_value(const fs::path& file, const std::string& value) {
  util::Fd fd = util::open_file(file, O_WRONLY);
  util::write_all(fd.get(), value);
}

std::string read_value(const fs::path& file) {
  return std::string(util::trim(util::read_file(file, 1u << 16)));
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> result;
  for (std::string& word : util::split(text, ' ')) {
    if (!word.empty()) result.push_back(std::move(word));
  }
  return result;
}

bool contains(const std::vector<std::string>& list, const std::string& word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// The number after `key` in lines of "key number".
std::uint64_t counter(const fs::path& file, std::string_view key) {
  try {
    for (const std::string& line : util::split(util::read_file(file, 1u << 16), '\n')) {
      std::vector<std::string> parts = words(line);
      if (parts.size() == 2 && parts[0] == key) return std::stoull(parts[1]);
    }
  } catch (const std::exception&) {
    // Gone, or a kernel that does not count.
  }
  return 0;
}

/// Version 2: lets children of `group` use the controllers.
void enable_controllers(const fs::path& group, const std::vector<std::string>& needed) {
  std::vector<std::string> enabled = words(read_value(group / "cgroup.subtree_control"));
  std::vector<std::string> available = words(read_value(group / "cgroup.controllers"));
  for (const std::string& controller : needed) {
    if (contains(enabled, controller)) continue;
    if (!contains(available, controller)) {
      throw util::Error("the cgroup controller `" + controller + "` is not available in `" + group.string() + "`",
                        kDelegationHint);
    }
    write_value(group / "cgroup.subtree_control", "+" + controller);
  }
}

/// A group with processes cannot hand controllers to groups below it: this process moves to a group beside the new
/// ones.
void enable_controllers_or_move(const fs::path& group, const std::vector<std::string>& needed) {
  try {
    enable_controllers(group, needed);
  } catch (const util::SystemError& error) {
    if (error.code() != EBUSY) throw;
    fs::path aside = group / "builder-main";
    if (mkdir(aside.c_str(), 0755) != 0 && errno != EEXIST)
      util::throw_errno("make the cgroup `" + aside.string() + "`");
    write_value(aside / "cgroup.procs", std::to_string(getpid()));
    enable_controllers(group, needed);
  }
}

std::vector<std::string> controllers_of(const std::vector<CgroupSetting>& settings) {
  std::vector<std::string> result;
  for (const CgroupSetting& setting : settings) {
    if (!contains(result, setting.controller)) result.push_back(setting.controller);
  }
  return result;
}

/// Version 1: a new cpuset is empty, and nothing can be put in it before it has processors and memory nodes.
void inherit_cpuset(const fs::path& group) {
  for (const char* file : {"cpuset.cpus", "cpuset.mems"}) {
    if (read_value(group / file).empty()) write_value(group / file, read_value(group.parent_path() / file));
  }
}

/// One hierarchy can be mounted many times (roots of other containers): the shortest path is the machine's own.
bool is_nearer(const CgroupLayout::Hierarchy& a, const CgroupLayout::Hierarchy& b) {
  return a.mount_point.native().size() < b.mount_point.native().size();
}

void add_hierarchy(CgroupLayout& layout, CgroupLayout::Hierarchy hierarchy) {
  for (CgroupLayout::Hierarchy& known : layout.hierarchies) {
    if (known.controllers != hierarchy.controllers) continue;
    if (is_nearer(hierarchy, known)) known = std::move(hierarchy);
    return;
  }
  layout.hierarchies.push_back(std::move(hierarchy));
}

}  // namespace

CgroupLayout find_cgroup_layout(std::string_view own_cgroups, std::string_view mountinfo) {
  CgroupLayout layout;
  std::vector<std::vector<std::string>> own;
  for (const std::string& line : util::split(own_cgroups, '\n')) {
    std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    own.push_back({line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  std::optional<CgroupLayout::Hierarchy> version2;
  for (const std::string& line : util::split(mountinfo, '\n')) {
    std::size_t dash = line.find(" - ");
    std::vector<std::string> left = util::split(std::string_view(line).substr(0, dash), ' ');
    std::vector<std::string> right = dash == std::string::npos
                                         ? std::vector<std::string>()
                                         : util::split(std::string_view(line).substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3 || !right[0].starts_with("cgroup")) continue;
    std::vector<std::string> options = util::split(right[2], ',');
    for (const auto& entry : own) {
      bool is_version2 = right[0] == "cgroup2" && entry[0].empty();
      std::vector<std::string> controllers = util::split(entry[0], ',');
      bool is_version1 = right[0] == "cgroup" && !entry[0].empty() &&
                         std::all_of(controllers.begin(), controllers.end(),
                                     [&](const std::string& c) { return contains(options, c); });
      if (!is_version1 && !is_version2) continue;
      std::string path = entry[1];
      // A container sees a part of the hierarchy: what is mounted starts at left[3].
      if (left[3] != "/" && path.starts_with(left[3])) path = path.substr(left[3].size());
      if (path.empty()) path = "/";
      CgroupLayout::Hierarchy hierarchy{is_version2 ? std::vector<std::string>() : controllers,
                                        unescape_mount_point(left[4]), path};
      if (is_version2) {
        if (!version2 || is_nearer(hierarchy, *version2)) version2 = hierarchy;
      } else {
        add_hierarchy(layout, std::move(hierarchy));
      }
      break;
    }
  }
  bool any_controller = std::any_of(layout.hierarchies.begin(), layout.hierarchies.end(),
                                    [](const auto& h) { return !h.controllers.front().starts_with("name="); });
  if (!any_controller && version2) {
    layout.unified = true;
    layout.hierarchies = {*version2};
  }
  return layout;
}

std::vector<CgroupSetting> cgroup_settings(const ResourceLimits& limits, bool unified) {
  std::vector<CgroupSetting> result;
  auto add = [&](const char* controller, const char* file, const std::string& value) {
    result.push_back({controller, file, value});
  };
  if (limits.memory) add("memory", unified ? "memory.max" : "memory.limit_in_bytes", std::to_string(*limits.memory));
  if (limits.memory_swap) {
    // Version 1 limits memory and swap together, version 2 swap alone. The largest number stands for "no limit".
    bool endless = *limits.memory_swap > std::uint64_t{std::numeric_limits<std::int64_t>::max()};
    std::uint64_t memory = limits.memory.value_or(0);
    std::uint64_t swap = *limits.memory_swap > memory ? *limits.memory_swap - memory : 0;
    if (unified) {
      add("memory", "memory.swap.max", endless ? "max" : std::to_string(swap));
    } else {
      add("memory", "memory.memsw.limit_in_bytes", endless ? "-1" : std::to_string(*limits.memory_swap));
    }
  }
  if (limits.cpu_shares) {
    std::uint64_t shares = std::clamp<std::uint64_t>(*limits.cpu_shares, 2, 262144);
    if (unified) {
      add("cpu", "cpu.weight", std::to_string(1 + (shares - 2) * 9999 / 262142));
    } else {
      add("cpu", "cpu.shares", std::to_string(shares));
    }
  }
  if (unified && (limits.cpu_quota || limits.cpu_period)) {
    std::string quota = limits.cpu_quota && *limits.cpu_quota > 0 ? std::to_string(*limits.cpu_quota) : "max";
    add("cpu", "cpu.max", quota + " " + std::to_string(limits.cpu_period.value_or(100000)));
  } else {
    if (limits.cpu_period) add("cpu", "cpu.cfs_period_us", std::to_string(*limits.cpu_period));
    if (limits.cpu_quota) add("cpu", "cpu.cfs_quota_us", std::to_string(*limits.cpu_quota));
  }
  if (!limits.cpuset_cpus.empty()) add("cpuset", "cpuset.cpus", limits.cpuset_cpus);
  if (!limits.cpuset_mems.empty()) add("cpuset", "cpuset.mems", limits.cpuset_mems);
  return result;
}

StepCgroup::StepCgroup(const ResourceLimits& limits, const std::string& name) {
  CgroupLayout layout = find_cgroup_layout(util::read_file("/proc/self/cgroup", 1u << 20),
                                           util::read_file("/proc/self/mountinfo", 16u << 20));
  unified_ = layout.unified;
  std::vector<CgroupSetting> settings = cgroup_settings(limits, layout.unified);
  try {
    std::vector<std::string> missing = controllers_of(settings);
    for (const CgroupLayout::Hierarchy& hierarchy : layout.hierarchies) {
      std::vector<CgroupSetting> here;
      for (const CgroupSetting& setting : settings) {
        if (layout.unified || contains(hierarchy.controllers, setting.controller)) here.push_back(setting);
      }
      for (const CgroupSetting& setting : here) std::erase(missing, setting.controller);
      bool wanted = !here.empty() || layout.unified ||
                    (!limits.cgroup_parent.empty() && !hierarchy.controllers.front().starts_with("name="));
      if (wanted) make_in(hierarchy, here, limits, name, layout.unified);
    }
    if (!missing.empty())
      throw util::Error(
          "limit the resources of a step: this machine has no cgroup controller `" + missing.front() + "`",
          kDelegationHint);
  } catch (util::Error& error) {
    remove();
    if (error.hint().empty()) error.set_hint(kDelegationHint);
    throw;
  }
}

void StepCgroup::make_in(const CgroupLayout::Hierarchy& hierarchy, const std::vector<CgroupSetting>& settings,
                         const ResourceLimits& limits, const std::string& name, bool unified) {
  const std::string& above = limits.cgroup_parent.empty() ? hierarchy.own_path : limits.cgroup_parent;
  fs::path parent = (hierarchy.mount_point / fs::path(above).relative_path()).lexically_normal();
  std::string inside = parent.lexically_relative(hierarchy.mount_point).string();
  if (inside.starts_with("..")) throw util::Error("use the cgroup `" + above + "`: it is outside the hierarchy");
  std::error_code code;
  fs::create_directories(parent, code);
  if (code) throw util::SystemError("make the cgroup `" + parent.string() + "`", code.value());
  if (unified) {
    util::with_context("limit the resources of a step",
                       [&] { enable_controllers_or_move(parent, controllers_of(settings)); });
  }
  fs::path group = parent / name;
  if (mkdir(group.c_str(), 0755) != 0) util::throw_errno("make the cgroup `" + group.string() + "`");
  made_.push_back(group);
  if (!unified && contains(hierarchy.controllers, "cpuset")) {
    if (parent != hierarchy.mount_point) inherit_cpuset(parent);
    inherit_cpuset(group);
  }
  if (unified || contains(hierarchy.controllers, "memory")) memory_ = group;
  for (const CgroupSetting& setting : settings) {
    util::with_context("set `" + setting.file + "` to " + setting.value,
                       [&] { write_value(group / setting.file, setting.value); });
  }
}

StepCgroup::~StepCgroup() {
  remove();
}

void StepCgroup::remove() noexcept {
  for (const fs::path& group : made_) {
    // A process that has just ended is counted for a moment still.
    for (int attempt = 0; attempt < 100 && rmdir(group.c_str()) != 0 && errno == EBUSY; ++attempt) usleep(2000);
  }
  made_.clear();
}

std::vector<util::Fd> StepCgroup::open_process_files() const {
  std::vector<util::Fd> files;
  for (const fs::path& group : made_) files.push_back(util::open_file(group / "cgroup.procs", O_WRONLY));
  return files;
}

bool StepCgroup::out_of_memory() const {
  if (memory_.empty()) return false;
  return counter(memory_ / (unified_ ? "memory.events" : "memory.oom_control"), "oom_kill") > 0;
}

}  // namespace executor
