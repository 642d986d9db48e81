#include "frontend/dockerfile/outline.h"

#include <doctest/doctest.h>

#include "frontend/dockerfile/targets.h"
#include "tests/unit/frontend/dockerfile/compiled.h"

namespace {

dockerfile::Outline outline(const std::string& text, const std::string& target = "",
                            std::map<std::string, std::string> build_args = {}) {
  auto request = test::request();
  request.target = target;
  request.build_args = std::move(build_args);
  return test::compile(text, request).outline;
}

/// "A=1@2 B@3": names, values, lines.
std::string args(const dockerfile::Outline& outline) {
  std::string text;
  for (const auto& arg : outline.args) {
    if (!text.empty()) text += ' ';
    text += arg.name + (arg.value ? "=" + *arg.value : "") + "@" + std::to_string(arg.range.first);
  }
  return text;
}

std::string names(const std::vector<dockerfile::OutlineSecret>& secrets) {
  std::string text;
  for (const auto& secret : secrets) text += secret.name + (secret.required ? "! " : " ");
  return text;
}

}  // namespace

TEST_CASE("an outline has the arguments of the target and of the stages it needs") {
  const std::string text =
      "FROM busybox AS a\nARG A=1\nFROM busybox AS b\nARG B=2\nFROM busybox AS c\nARG C\nCOPY --from=a /x /y\n";
  CHECK(args(outline(text)) == "A=1@2 C@6");
  CHECK(args(outline(text, "b")) == "B=2@4");
  CHECK(outline(text, "b").name == "b");
}

TEST_CASE("an argument from before FROM is in the outline when FROM or a stage uses it, with what its default needs") {
  const std::string text = "ARG TAG=latest\nARG IMAGE=busybox:${TAG}\nARG OTHER=1\nARG FREE=2\nFROM ${IMAGE}\nARG OTHER\n";
  CHECK(args(outline(text)) == "TAG=latest@1 IMAGE=busybox:latest@2 OTHER=1@3");
  CHECK(args(outline(text, "", {{"IMAGE", "busybox"}})) == "IMAGE=busybox@2 OTHER=1@3");
}

TEST_CASE("an outline shows the values that the request sets and no predefined argument") {
  CHECK(args(outline("FROM busybox\nARG A=1 B=x$A\nARG TARGETOS\n", "", {{"A", "7"}})) == "A=7@2 B=x7@2");
}

TEST_CASE("a stage's own word about a secret goes before that of the stages it needs; required wins inside a stage") {
  const std::string text =
      "FROM busybox AS a\nRUN --mount=type=secret,id=s,required=true x\nRUN --mount=type=secret,id=s x\n"
      "RUN --mount=type=ssh,id=k,required x\nFROM a AS b\nRUN --mount=type=secret,id=s --mount=type=secret,id=t x\n";
  CHECK(names(outline(text, "a").secrets) == "s! ");
  CHECK(names(outline(text, "b").secrets) == "s t ");
  CHECK(names(outline(text, "b").ssh) == "k! ");
}

TEST_CASE("cache mounts are in the outline by id") {
  const auto result = outline("FROM busybox\nRUN --mount=type=cache,target=/c --mount=type=cache,id=i,target=/d x\n");
  REQUIRE(result.caches.size() == 2);
  CHECK(result.caches[0].id == "/c");
  CHECK(result.caches[1].id == "i");
}

TEST_CASE("comments describe targets and arguments") {
  const std::string text = "# app is the app\nFROM busybox AS app\n# LEVEL of detail\nARG LEVEL=1\nFROM app\n";
  const auto result = outline(text, "app");
  CHECK(result.description == "is the app");
  REQUIRE(result.args.size() == 1);
  CHECK(result.args[0].description == "of detail");
  const auto targets = dockerfile::list_targets(test::parse(text));
  REQUIRE(targets.size() == 2);
  CHECK(targets[0].name == "app");
  CHECK(targets[0].description == "is the app");
  CHECK(targets[0].base == "busybox");
  CHECK_FALSE(targets[0].is_default);
  CHECK(targets[1].is_default);
  CHECK(targets[1].range.first == 5);
}
