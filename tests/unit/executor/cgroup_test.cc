#include "executor/cgroup.h"

#include <doctest/doctest.h>

using executor::cgroup_settings;
using executor::CgroupSetting;
using executor::find_cgroup_layout;
using executor::ResourceLimits;

namespace {
using Settings = std::vector<CgroupSetting>;
}

TEST_CASE("limits in the words of version 2") {
  ResourceLimits limits;
  limits.memory = 1000;
  limits.memory_swap = 1500;
  limits.cpu_shares = 1024;
  limits.cpu_period = 50000;
  limits.cpu_quota = 25000;
  limits.cpuset_cpus = "0-1";
  limits.cpuset_mems = "0";
  CHECK(cgroup_settings(limits, true) == Settings{{"memory", "memory.max", "1000"},
                                                  {"memory", "memory.swap.max", "500"},
                                                  {"cpu", "cpu.weight", "39"},
                                                  {"cpu", "cpu.max", "25000 50000"},
                                                  {"cpuset", "cpuset.cpus", "0-1"},
                                                  {"cpuset", "cpuset.mems", "0"}});
}

TEST_CASE("limits in the words of version 1") {
  ResourceLimits limits;
  limits.memory = 1000;
  limits.memory_swap = 1500;
  limits.cpu_shares = 1024;
  limits.cpu_period = 50000;
  limits.cpu_quota = 25000;
  CHECK(cgroup_settings(limits, false) == Settings{{"memory", "memory.limit_in_bytes", "1000"},
                                                   {"memory", "memory.memsw.limit_in_bytes", "1500"},
                                                   {"cpu", "cpu.shares", "1024"},
                                                   {"cpu", "cpu.cfs_period_us", "50000"},
                                                   {"cpu", "cpu.cfs_quota_us", "25000"}});
}

TEST_CASE("edges of limits: endless swap, quota without period, weights at the ends") {
  ResourceLimits limits;
  limits.memory_swap = ~std::uint64_t{0};
  CHECK(cgroup_settings(limits, true) == Settings{{"memory", "memory.swap.max", "max"}});
  CHECK(cgroup_settings(limits, false) == Settings{{"memory", "memory.memsw.limit_in_bytes", "-1"}});
  limits = {};
  limits.cpu_quota = 10000;
  CHECK(cgroup_settings(limits, true) == Settings{{"cpu", "cpu.max", "10000 100000"}});
  limits = {};
  limits.cpu_period = 20000;
  CHECK(cgroup_settings(limits, true) == Settings{{"cpu", "cpu.max", "max 20000"}});
  limits = {};
  limits.cpu_shares = 2;
  CHECK(cgroup_settings(limits, true) == Settings{{"cpu", "cpu.weight", "1"}});
  limits.cpu_shares = 1000000;
  CHECK(cgroup_settings(limits, true) == Settings{{"cpu", "cpu.weight", "10000"}});
  CHECK(cgroup_settings({}, true).empty());
}

TEST_CASE("a machine with version 2 only") {
  auto layout = find_cgroup_layout("0::/user.slice/a.scope\n",
                                   "30 25 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");
  CHECK(layout.unified);
  REQUIRE(layout.hierarchies.size() == 1);
  CHECK(layout.hierarchies[0].mount_point == "/sys/fs/cgroup");
  CHECK(layout.hierarchies[0].own_path == "/user.slice/a.scope");
}

TEST_CASE("a machine with version 1, version 2 beside it without controllers") {
  auto layout = find_cgroup_layout("5:cpu,cpuacct:/a\n4:memory:/b\n1:name=systemd:/c\n0::/d\n",
                                   "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
                                   "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                                   "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
                                   "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  CHECK_FALSE(layout.unified);
  REQUIRE(layout.hierarchies.size() == 3);
  CHECK(layout.hierarchies[0].controllers == std::vector<std::string>{"cpu", "cpuacct"});
  CHECK(layout.hierarchies[1].mount_point == "/sys/fs/cgroup/memory");
  CHECK(layout.hierarchies[1].own_path == "/b");
}

TEST_CASE("a hierarchy that is mounted more than once is used where the machine has it") {
  auto layout = find_cgroup_layout("4:memory:/a\n",
                                   "35 31 0:32 / /var/root/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                                   "36 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                                   "37 31 0:32 / /other/root/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  REQUIRE(layout.hierarchies.size() == 1);
  CHECK(layout.hierarchies[0].mount_point == "/sys/fs/cgroup/memory");
}

TEST_CASE("a container that sees a part of the hierarchy") {
  auto layout = find_cgroup_layout("4:memory:/docker/abc/sub\n",
                                   "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
  REQUIRE(layout.hierarchies.size() == 1);
  CHECK(layout.hierarchies[0].own_path == "/sub");
}

TEST_CASE("a machine without cgroups, and texts that are cut short") {
  CHECK(find_cgroup_layout("", "").hierarchies.empty());
  CHECK(find_cgroup_layout("4:memory", "35 31").hierarchies.empty());
  CHECK(find_cgroup_layout("4:memory:/", "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup\n").hierarchies.empty());
}
