#include "solver/ops/cdi.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "tests/support/test_dir.h"

namespace {

std::vector<std::string> names(const ops::CdiDevices& devices, std::string_view request) {
  std::vector<std::string> result;
  for (const ops::CdiDevice* device : devices.find(request)) result.push_back(device->qualified_name());
  return result;
}

ops::CdiDevices load(const std::vector<std::filesystem::path>& directories) {
  return ops::CdiDevices::load(directories);
}

using Names = std::vector<std::string>;

constexpr const char* kYaml = R"(---
cdiVersion: "0.6.0"
kind: vendor1.com/device
annotations:
  org.mobyproject.buildkit.device.class: accelerator
devices:
- name: foo
  containerEdits:
    env:
    - FOO=injected
- name: bar
  annotations:
    org.mobyproject.buildkit.device.autoallow: true
  containerEdits:
    deviceNodes:
    - path: /dev/bar
    - path: /dev/inside
      hostPath: /dev/outside
    mounts:
    - hostPath: /lib
      containerPath: /mnt/lib
      options: [ro, nosuid]
    hooks:
    - hookName: createContainer
      path: /usr/bin/hook
containerEdits:
  env:
  - COMMON=1
)";

}  // namespace

TEST_CASE("devices are found by name, by kind, all of a kind, and by class") {
  const test::TestDir dir;
  dir.write("vendor1.yaml", kYaml);
  dir.write("vendor2.json", R"({"cdiVersion":"0.5.0","kind":"vendor2.com/nic","devices":[{"name":"0","containerEdits":{}}]})");
  dir.write("notes.txt", "not a specification");
  const ops::CdiDevices devices = load({dir / "absent", dir.path()});
  CHECK(names(devices, "vendor1.com/device=foo") == Names{"vendor1.com/device=foo"});
  CHECK(names(devices, "vendor1.com/device") == Names{"vendor1.com/device=bar"});
  CHECK(names(devices, "vendor1.com/device=*") == Names{"vendor1.com/device=bar", "vendor1.com/device=foo"});
  CHECK(names(devices, "accelerator") == Names{"vendor1.com/device=bar", "vendor1.com/device=foo"});
  CHECK(names(devices, "vendor2.com/nic") == Names{"vendor2.com/nic=0"});
  CHECK(names(devices, "vendor1.com/device=other").empty());
  CHECK(names(devices, "vendor3.com/device").empty());
  CHECK(names(devices, "").empty());
}

TEST_CASE("a specification says what a device needs, for itself and in common") {
  const test::TestDir dir;
  dir.write("vendor1.yaml", kYaml);
  const ops::CdiDevices devices = load({dir.path()});
  const ops::CdiDevice& foo = *devices.find("vendor1.com/device=foo").at(0);
  CHECK(foo.edits.env == Names{"FOO=injected"});
  CHECK_FALSE(foo.auto_allow);
  CHECK(devices.common_edits(foo).env == Names{"COMMON=1"});
  const ops::CdiDevice& bar = *devices.find("vendor1.com/device=bar").at(0);
  CHECK(bar.auto_allow);
  REQUIRE(bar.edits.nodes.size() == 2);
  CHECK(bar.edits.nodes[0].host_path == "/dev/bar");
  CHECK(bar.edits.nodes[1].path == "/dev/inside");
  CHECK(bar.edits.nodes[1].host_path == "/dev/outside");
  CHECK(bar.edits.mounts.at(0).options == Names{"ro", "nosuid"});
  CHECK(bar.edits.has_hooks);
}

TEST_CASE("of two descriptions of a device the later directory's counts") {
  const test::TestDir dir;
  for (const char* place : {"a", "b"}) {
    dir.write(std::string(place) + "/s.json", std::string(R"({"kind":"v.com/d","devices":[{"name":"x","containerEdits":{"env":["FROM=)") + place + R"("]}}]})");
  }
  const ops::CdiDevices devices = load({dir / "a", dir / "b"});
  REQUIRE(devices.find("v.com/d=*").size() == 1);
  CHECK(devices.find("v.com/d=x")[0]->edits.env == Names{"FROM=b"});
}

TEST_CASE("a file that is no specification does not hide the others") {
  const test::TestDir dir;
  dir.write("a.json", "{");
  dir.write("b.json", R"({"kind": 7})");
  dir.write("c.json", R"([])");
  dir.write("d.json", R"({"kind":"v.com/d","devices":{"name":"x"}})");
  dir.write("e.json", R"({"kind":"v.com/d","devices":[{"name":"x","containerEdits":{"deviceNodes":[{"path":"relative"}]}}]})");
  dir.write("f.yaml", "kind: [");
  dir.write("g.json", R"({"kind":"v.com/d","devices":[{"name":"good"}]})");
  CHECK(names(load({dir.path()}), "v.com/d=*") == Names{"v.com/d=good"});
}

TEST_CASE("where specifications lie can be said in the environment") {
  unsetenv("BUILDER_CDI_SPEC_DIRS");
  CHECK(ops::CdiDevices::default_directories() == std::vector<std::filesystem::path>{"/etc/cdi", "/var/run/cdi"});
  setenv("BUILDER_CDI_SPEC_DIRS", "/a::/b", 1);
  CHECK(ops::CdiDevices::default_directories() == std::vector<std::filesystem::path>{"/a", "/b"});
  unsetenv("BUILDER_CDI_SPEC_DIRS");
}
