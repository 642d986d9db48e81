#include "executor/mount_plan.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "executor/plan_codec.h"
#include "util/error.h"

using executor::HostFacts;
using executor::Step;

namespace {

executor::SandboxPlan plan_for(const executor::ProcessSpec& process, const executor::MountPlan& mounts,
                               HostFacts facts = {}) {
  return executor::complete_plan(process, mounts, facts, "hosts text", "resolv text");
}

std::ptrdiff_t index_of(const executor::SandboxPlan& plan, std::string_view target,
                        Step::Kind kind = Step::Kind::mount) {
  auto found = std::find_if(plan.steps.begin(), plan.steps.end(),
                            [&](const Step& s) { return s.kind == kind && s.mount.target == target; });
  return found == plan.steps.end() ? -1 : found - plan.steps.begin();
}

util::Mount bind_at(std::string target) {
  util::Mount mount;
  mount.source = "/source";
  mount.target = std::move(target);
  return mount;
}

}  // namespace

TEST_CASE("every plan has proc, dev, sys, hosts and resolv.conf") {
  executor::SandboxPlan plan = plan_for({}, {});
  for (const char* target : {"/proc", "/dev", "/sys", "/dev/pts", "/dev/shm", "/dev/mqueue"}) {
    CAPTURE(target);
    CHECK(index_of(plan, target) >= 0);
  }
  std::ptrdiff_t hosts = index_of(plan, "/etc/hosts", Step::Kind::file);
  REQUIRE(hosts >= 0);
  CHECK(plan.steps[static_cast<std::size_t>(hosts)].data == "hosts text");
  CHECK(plan.steps[static_cast<std::size_t>(hosts)].mount.read_only);
  CHECK(plan.steps[static_cast<std::size_t>(hosts)].mode == 0644);
}

TEST_CASE("a mount never hides a deeper one, and a requested one wins over a default one at the same place") {
  executor::MountPlan mounts;
  mounts.extra = {bind_at("/a/b/c"), bind_at("/a"), bind_at("/etc"), bind_at("/dev/shm")};
  executor::SandboxPlan plan = plan_for({}, mounts);
  CHECK(index_of(plan, "/a") < index_of(plan, "/a/b/c"));
  CHECK(index_of(plan, "/etc") < index_of(plan, "/etc/hosts", Step::Kind::file));
  std::vector<util::Mount::Type> shm;
  for (const Step& step : plan.steps) {
    if (step.mount.target == "/dev/shm") shm.push_back(step.mount.type);
  }
  CHECK(shm == std::vector<util::Mount::Type>{util::Mount::Type::tmpfs, util::Mount::Type::bind});
}

TEST_CASE("masks and read-only paths come last") {
  executor::MountPlan mounts;
  mounts.extra = {bind_at("/very/deep/down/in/the/tree")};
  executor::SandboxPlan plan = plan_for({}, mounts);
  std::ptrdiff_t first_mask = index_of(plan, "/proc/acpi", Step::Kind::mask);
  CHECK(first_mask > index_of(plan, "/very/deep/down/in/the/tree"));
  CHECK(index_of(plan, "/proc/sys", Step::Kind::read_only) > first_mask);
}

TEST_CASE("insecure leaves masks out and adds devices, which a user namespace cannot have") {
  executor::ProcessSpec process;
  process.insecure = true;
  executor::SandboxPlan plan = plan_for(process, {});
  CHECK(index_of(plan, "/proc/kcore", Step::Kind::mask) == -1);
  CHECK(index_of(plan, "/dev/fuse", Step::Kind::device) >= 0);
  CHECK_FALSE(plan.steps[static_cast<std::size_t>(index_of(plan, "/sys"))].mount.read_only);
  HostFacts facts;
  facts.user_namespace = true;
  CHECK(index_of(plan_for(process, {}, facts), "/dev/fuse", Step::Kind::device) == -1);
}

TEST_CASE("in a user namespace with the host's network sysfs is bound, not made") {
  HostFacts facts;
  facts.user_namespace = true;
  executor::ProcessSpec process;
  executor::SandboxPlan plan = plan_for(process, {}, facts);
  const Step& bound = plan.steps[static_cast<std::size_t>(index_of(plan, "/sys"))];
  CHECK(bound.mount.type == util::Mount::Type::bind);
  CHECK(bound.mount.recursive);
  CHECK(bound.mount.read_only);
  process.network = executor::NetworkMode::none;
  plan = plan_for(process, {}, facts);
  CHECK(plan.steps[static_cast<std::size_t>(index_of(plan, "/sys"))].mount.type == util::Mount::Type::sysfs);
}

TEST_CASE("the group of terminals is only named where it exists") {
  HostFacts facts;
  executor::SandboxPlan plan = plan_for({}, {}, facts);
  CHECK(plan.steps[static_cast<std::size_t>(index_of(plan, "/dev/pts"))].data == "ptmxmode=0666,mode=0620,gid=5");
  facts.tty_group = false;
  plan = plan_for({}, {}, facts);
  CHECK(plan.steps[static_cast<std::size_t>(index_of(plan, "/dev/pts"))].data == "ptmxmode=0666,mode=0620");
}

TEST_CASE("cgroups are shown read-only as this machine has them") {
  HostFacts facts;
  CHECK(index_of(plan_for({}, {}, facts), "/sys/fs/cgroup") == -1);
  facts.cgroups = HostFacts::Cgroups::v2;
  executor::SandboxPlan plan = plan_for({}, {}, facts);
  const Step& unified = plan.steps[static_cast<std::size_t>(index_of(plan, "/sys/fs/cgroup"))];
  CHECK(unified.mount.source == "cgroup2");
  CHECK(unified.mount.read_only);
  CHECK(unified.optional);
  facts.cgroups = HostFacts::Cgroups::v1;
  facts.cgroup_v1 = {"memory", "cpu,cpuacct"};
  plan = plan_for({}, {}, facts);
  CHECK(plan.steps[static_cast<std::size_t>(index_of(plan, "/sys/fs/cgroup/cpu,cpuacct"))].data == "cpu,cpuacct");
}

TEST_CASE("an injected file may be executed only if its mode says so") {
  executor::MountPlan mounts;
  executor::InjectedFile script;
  script.target = "/script";
  script.mode = 0755;
  executor::InjectedFile secret;
  secret.target = "/secret";
  mounts.files = {script, secret};
  executor::SandboxPlan plan = plan_for({}, mounts);
  CHECK_FALSE(plan.steps[static_cast<std::size_t>(index_of(plan, "/script", Step::Kind::file))].mount.no_exec);
  CHECK(plan.steps[static_cast<std::size_t>(index_of(plan, "/secret", Step::Kind::file))].mount.no_exec);
}

TEST_CASE("a plan comes back from its bytes as it was") {
  executor::ProcessSpec process;
  process.args = {"a", "\xff\x01"};
  process.env = {"K=v"};
  process.user = "me:us";
  process.network = executor::NetworkMode::none;
  process.limits.ulimits = {{"nofile", -1, 7}};
  executor::MountPlan mounts;
  mounts.root = {bind_at("/")};
  mounts.root[0].lower = {"/l1", "/l2"};
  executor::SandboxPlan plan = plan_for(process, mounts);
  plan.seccomp = std::string("\0\xfe", 2);
  executor::SandboxPlan back = executor::decode_plan(executor::encode_plan(plan));
  CHECK(executor::encode_plan(back) == executor::encode_plan(plan));
  CHECK(back.process.args == process.args);
  CHECK(back.seccomp == plan.seccomp);
  CHECK(back.steps.size() == plan.steps.size());
  CHECK(back.steps[0].otherwise.has_value());
  CHECK(back.process.limits.ulimits[0].hard == 7);
  CHECK(back.root[0].lower == mounts.root[0].lower);
}

TEST_CASE("bytes that are no plan or report are refused without harm") {
  CHECK_THROWS_AS(executor::decode_plan(""), util::Error);
  CHECK_THROWS_AS(executor::decode_plan("\x81\xa1"), util::Error);
  CHECK_FALSE(executor::decode_report("").has_value());
  executor::InitReport report;
  report.status = util::ExitStatus{3, 0};
  std::string bytes = executor::encode_report(report);
  CHECK(executor::decode_report(bytes)->status->code == 3);
  CHECK_FALSE(executor::decode_report(bytes.substr(0, bytes.size() - 1)).has_value());
  report = {std::nullopt, "what", "do"};
  CHECK(executor::decode_report(executor::encode_report(report))->hint == "do");
  CHECK_FALSE(executor::decode_report(executor::encode_report(report))->status.has_value());
}
