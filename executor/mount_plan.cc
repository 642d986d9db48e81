#include "executor/mount_plan.h"

#include <sys/vfs.h>

#include <algorithm>
#include <charconv>

#include "util/fd.h"
#include "util/text.h"

namespace executor {
namespace {

using util::Mount;

constexpr std::uint64_t kDevSize = 65536 * 1024;
constexpr std::uint32_t kCgroup2Magic = 0x63677270;

constexpr const char* kMaskedPaths[] = {"/proc/acpi",
                                        "/proc/asound",
                                        "/proc/kcore",
                                        "/proc/keys",
                                        "/proc/latency_stats",
                                        "/proc/timer_list",
                                        "/proc/timer_stats",
                                        "/proc/sched_debug",
                                        "/proc/scsi",
                                        "/sys/firmware",
                                        "/sys/devices/virtual/powercap"};
constexpr const char* kReadOnlyPaths[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};

struct Device {
  const char* name;
  std::uint32_t major, minor;
};
constexpr Device kDevices[] = {{"null", 1, 3},   {"zero", 1, 5},    {"full", 1, 7},
                               {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}};
constexpr Device kInsecureDevices[] = {{"kmsg", 1, 11},  {"fuse", 10, 229},    {"cuse", 10, 203},
                                       {"kvm", 10, 232}, {"net/tun", 10, 200}, {"loop-control", 10, 237}};

constexpr std::pair<const char*, const char*> kLinks[] = {
    {"/dev/fd", "/proc/self/fd"},       {"/dev/stdin", "/proc/self/fd/0"}, {"/dev/stdout", "/proc/self/fd/1"},
    {"/dev/stderr", "/proc/self/fd/2"}, {"/dev/core", "/proc/kcore"},      {"/dev/ptmx", "pts/ptmx"}};

Mount special(Mount::Type type, std::string target) {
  Mount mount;
  mount.type = type;
  mount.target = std::move(target);
  mount.no_suid = mount.no_exec = mount.no_dev = true;
  return mount;
}

Mount recursive_bind(const std::string& path, bool read_only) {
  Mount mount = special(Mount::Type::bind, path);
  mount.source = path;
  mount.no_dev = false;  // in a user namespace the flags of the original stay, and must not be cleared
  mount.recursive = true;
  mount.read_only = read_only;
  return mount;
}

Step mount_step(Mount mount, bool optional = false) {
  Step step;
  step.mount = std::move(mount);
  step.optional = optional;
  return step;
}

Step path_step(Step::Kind kind, std::string target) {
  Step step;
  step.kind = kind;
  step.mount.target = std::move(target);
  return step;
}

Step device_step(const Device& device, bool optional) {
  Step step = path_step(Step::Kind::device, std::string("/dev/") + device.name);
  step.major = device.major;
  step.minor = device.minor;
  step.mode = 0666;
  step.optional = optional;
  return step;
}

Step file_step(const InjectedFile& file, bool read_only) {
  Step step = path_step(Step::Kind::file, file.target);
  step.data = file.content;
  step.mode = file.mode;
  step.uid = file.uid;
  step.gid = file.gid;
  step.mount.no_suid = step.mount.no_dev = true;
  step.mount.no_exec = (file.mode & 0111) == 0;
  step.mount.read_only = read_only;
  return step;
}

void add_proc(std::vector<Step>& steps) {
  Step proc = mount_step(special(Mount::Type::proc, "/proc"));
  // Where parts of the surrounding /proc are covered (unprivileged containers), the kernel refuses a new one.
  proc.otherwise = recursive_bind("/proc", false);
  steps.push_back(std::move(proc));
}

void add_dev(std::vector<Step>& steps, const ProcessSpec& process, const HostFacts& facts) {
  Mount dev = special(Mount::Type::tmpfs, "/dev");
  dev.no_exec = dev.no_dev = false;
  dev.size = kDevSize;
  steps.push_back(mount_step(dev));
  // A machine without terminals may lack /dev/tty; a step without it works.
  for (const Device& device : kDevices) steps.push_back(device_step(device, device.major == 5));
  for (auto [path, text] : kLinks) {
    Step link = path_step(Step::Kind::link, path);
    link.data = text;
    steps.push_back(std::move(link));
  }
  if (process.insecure && !facts.user_namespace) {
    for (const Device& device : kInsecureDevices) steps.push_back(device_step(device, true));
    for (std::uint32_t i = 0; i < 8; ++i) {
      std::string name = "loop" + std::to_string(i);
      steps.push_back(device_step({name.c_str(), 7, i}, true));
    }
  }
  Mount pts = special(Mount::Type::devpts, "/dev/pts");
  pts.no_dev = false;
  Step pts_step = mount_step(pts);
  pts_step.data = facts.tty_group ? "ptmxmode=0666,mode=0620,gid=5" : "ptmxmode=0666,mode=0620";
  steps.push_back(std::move(pts_step));
  Mount shm = special(Mount::Type::tmpfs, "/dev/shm");
  shm.mode = 01777;
  shm.size = process.shm_size;
  steps.push_back(mount_step(shm));
  steps.push_back(mount_step(special(Mount::Type::mqueue, "/dev/mqueue"), true));
}

void add_sys(std::vector<Step>& steps, const ProcessSpec& process, const HostFacts& facts) {
  bool read_only = !process.insecure;
  Mount bound = recursive_bind("/sys", read_only);
  if (facts.user_namespace && process.network == NetworkMode::host) {
    // A new sysfs shows the network namespace, and that one belongs to another user namespace.
    steps.push_back(mount_step(bound, true));
  } else {
    Mount sys = special(Mount::Type::sysfs, "/sys");
    sys.read_only = read_only;
    Step step = mount_step(sys, true);
    step.otherwise = bound;
    steps.push_back(std::move(step));
  }
  Mount cgroup = special(Mount::Type::cgroup, "/sys/fs/cgroup");
  cgroup.read_only = read_only;
  if (facts.cgroups == HostFacts::Cgroups::v2) {
    cgroup.source = "cgroup2";
    steps.push_back(mount_step(cgroup, true));
  } else if (facts.cgroups == HostFacts::Cgroups::v1 && !facts.user_namespace) {
    Mount base = special(Mount::Type::tmpfs, "/sys/fs/cgroup");
    steps.push_back(mount_step(base, true));
    for (const std::string& controllers : facts.cgroup_v1) {
      cgroup.source = "cgroup";
      cgroup.target = "/sys/fs/cgroup/" + controllers;
      Step step = mount_step(cgroup, true);
      step.data = controllers;
      steps.push_back(std::move(step));
    }
  }
}

void add_requested(std::vector<Step>& steps, const MountPlan& mounts) {
  for (const Mount& mount : mounts.extra) steps.push_back(mount_step(mount));
  for (const InjectedFile& file : mounts.files) steps.push_back(file_step(file, false));
  for (const MountPlan::Socket& socket : mounts.sockets) {
    Mount mount = special(Mount::Type::bind, socket.target);
    mount.source = socket.source;
    steps.push_back(mount_step(mount));
  }
}

std::ptrdiff_t depth(const Step& step) {
  const std::string& path = step.mount.target;
  std::ptrdiff_t parts = 0;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '/' && (i == 0 || path[i - 1] == '/')) ++parts;
  }
  return parts;
}

}  // namespace

SandboxPlan complete_plan(const ProcessSpec& process, const MountPlan& mounts, const HostFacts& facts,
                          std::string hosts, std::string resolv_conf) {
  SandboxPlan plan;
  plan.user_namespace = facts.user_namespace;
  plan.root = mounts.root;
  plan.process = process;
  if (plan.process.cwd.empty()) plan.process.cwd = "/";
  add_proc(plan.steps);
  add_dev(plan.steps, process, facts);
  add_sys(plan.steps, process, facts);
  for (auto [path, content] : {std::pair("/etc/resolv.conf", &resolv_conf), std::pair("/etc/hosts", &hosts)}) {
    InjectedFile file;
    file.target = path;
    file.content = std::move(*content);
    file.mode = 0644;
    plan.steps.push_back(file_step(file, true));
  }
  add_requested(plan.steps, mounts);
  std::stable_sort(plan.steps.begin(), plan.steps.end(),
                   [](const Step& a, const Step& b) { return depth(a) < depth(b); });
  if (!process.insecure) {
    for (const char* path : kMaskedPaths) plan.steps.push_back(path_step(Step::Kind::mask, path));
    for (const char* path : kReadOnlyPaths) plan.steps.push_back(path_step(Step::Kind::read_only, path));
  }
  return plan;
}

namespace {

bool is_initial_user_namespace() {
  std::string map = util::read_file("/proc/self/uid_map", 65536);
  std::string fields;
  for (char c : map) {
    if (c != ' ' || (!fields.empty() && fields.back() != ' ')) fields += c;
  }
  return fields == "0 0 4294967295\n";
}

bool id_is_mapped(const char* map_file, std::uint64_t id) {
  for (const std::string& line : util::split(util::read_file(map_file, 65536), '\n')) {
    std::uint64_t numbers[3] = {};
    std::size_t found = 0;
    const char* position = line.data();
    const char* end = line.data() + line.size();
    while (found < 3 && position < end) {
      if (*position == ' ') {
        ++position;
        continue;
      }
      auto [next, error] = std::from_chars(position, end, numbers[found]);
      if (error != std::errc()) break;
      position = next;
      ++found;
    }
    if (found == 3 && id >= numbers[0] && id - numbers[0] < numbers[2]) return true;
  }
  return false;
}

std::vector<std::string> hierarchies_to_show() {
  std::vector<std::string> result;
  for (const std::string& line : util::split(util::read_file("/proc/self/cgroup", 65536), '\n')) {
    std::vector<std::string> parts = util::split(line, ':');
    if (parts.size() < 3) continue;
    for (const std::string& controller : util::split(parts[1], ',')) {
      if (controller == "memory" || controller == "cpu" || controller == "cpuset") {  // which language runtimes look at
        result.push_back(parts[1]);
        break;
      }
    }
  }
  return result;
}

}  // namespace

HostFacts find_host_facts() {
  HostFacts facts;
  facts.user_namespace = !is_initial_user_namespace();
  facts.tty_group = id_is_mapped("/proc/self/gid_map", 5);
  struct statfs info = {};
  if (statfs("/sys/fs/cgroup", &info) == 0) {
    bool unified = static_cast<std::uint32_t>(info.f_type) == kCgroup2Magic;
    facts.cgroup_v1 = unified ? std::vector<std::string>() : hierarchies_to_show();
    facts.cgroups = unified                   ? HostFacts::Cgroups::v2
                    : facts.cgroup_v1.empty() ? HostFacts::Cgroups::none
                                              : HostFacts::Cgroups::v1;
  }
  return facts;
}

}  // namespace executor
