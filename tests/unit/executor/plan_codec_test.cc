#include "executor/plan_codec.h"

#include <doctest/doctest.h>

#include "util/error.h"

namespace {

executor::SandboxPlan full_plan() {
  executor::SandboxPlan plan;
  plan.staging = "/staging";
  plan.user_namespace = true;
  util::Mount root;
  root.type = util::Mount::Type::overlay;
  root.target = "/";
  root.lower = {"/a", "/b:c"};
  root.upper = "/upper";
  root.size = std::uint64_t{1} << 40;
  plan.root = {root};
  executor::Step file;
  file.kind = executor::Step::Kind::file;
  file.data = std::string("bytes\0\xff", 7);
  file.mode = 0644;
  file.optional = true;
  file.otherwise = root;
  plan.steps = {file, {}};
  plan.process.args = {"/bin/sh", "-c", ""};
  plan.process.env = {"A=\xff"};
  plan.process.network = executor::NetworkMode::none;
  plan.process.limits.ulimits.push_back({"nofile", 10, 20});
  plan.seccomp = std::string(8, '\0');
  return plan;
}

}  // namespace

TEST_CASE("a plan comes back as it was") {
  const std::string bytes = executor::encode_plan(full_plan());
  const executor::SandboxPlan plan = executor::decode_plan(bytes);
  CHECK(executor::encode_plan(plan) == bytes);
  CHECK(plan.staging == "/staging");
  CHECK(plan.user_namespace);
  REQUIRE(plan.root.size() == 1);
  CHECK(plan.root[0].lower == std::vector<std::string>{"/a", "/b:c"});
  CHECK(plan.root[0].size == std::uint64_t{1} << 40);
  REQUIRE(plan.steps.size() == 2);
  CHECK(plan.steps[0].data == std::string("bytes\0\xff", 7));
  CHECK(plan.steps[0].otherwise->upper == "/upper");
  CHECK_FALSE(plan.steps[1].otherwise);
  CHECK(plan.process.args == std::vector<std::string>{"/bin/sh", "-c", ""});
  CHECK(plan.process.network == executor::NetworkMode::none);
  REQUIRE(plan.process.limits.ulimits.size() == 1);
  CHECK(plan.process.limits.ulimits[0].hard == 20);
  CHECK(plan.seccomp == std::string(8, '\0'));
}

TEST_CASE("a plan that is cut off, or goes on, is an error") {
  const std::string bytes = executor::encode_plan(full_plan());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    CHECK_THROWS_AS(executor::decode_plan(bytes.substr(0, size)), util::Error);
  }
  CHECK_THROWS_AS(executor::decode_plan(bytes + "x"), util::Error);
  CHECK_THROWS_AS(executor::decode_plan(std::string(100, '\xff')), util::Error);
}

TEST_CASE("a report comes back whole or not at all") {
  for (const executor::InitReport& report : {executor::InitReport{util::ExitStatus{3, 0}, "", ""},
                                             executor::InitReport{util::ExitStatus{0, 9}, "", ""},
                                             executor::InitReport{std::nullopt, "mount `/x`", "do this"}}) {
    const std::string bytes = executor::encode_report(report);
    const auto found = executor::decode_report(bytes);
    REQUIRE(found);
    CHECK(found->status.has_value() == report.status.has_value());
    if (found->status) CHECK(found->status->code == report.status->code);
    if (found->status) CHECK(found->status->signal == report.status->signal);
    CHECK(found->error == report.error);
    CHECK(found->hint == report.hint);
    for (std::size_t size = 0; size < bytes.size(); ++size) CHECK_FALSE(executor::decode_report(bytes.substr(0, size)));
  }
}
