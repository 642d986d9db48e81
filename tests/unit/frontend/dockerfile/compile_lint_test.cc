#include "frontend/dockerfile/compile_lint.h"

#include <doctest/doctest.h>

#include "tests/unit/frontend/dockerfile/compiled.h"

using Strings = std::vector<std::string>;

TEST_CASE("a variable that nothing defines is found once per instruction") {
  CHECK(test::rules("FROM busybox\nARG known\nENV a=$b$known COPY=$b\nCOPY $a $PATH /") == Strings{"UndefinedVar"});
  CHECK(test::rules("FROM busybox\nRUN echo $x\nCMD [\"$x\"]").empty());
  CHECK(test::rules("FROM busybox\n# check=skip=UndefinedVar\nENV a=$b").empty());
  CHECK(test::rules("# check=skip=UndefinedVar\nFROM busybox\nENV a=$b").empty());
}

TEST_CASE("a malformed check directive is told at its line") {
  const auto failure = test::failure("# escape=\\\n# check=skip=all;colour=red\nFROM scratch");
  CHECK(failure.message == "invalid check option `colour=red`");
  CHECK(failure.ranges == std::vector<llb::SourceRange>{{2, 2}});
  auto request = test::request();
  request.build_args["BUILDKIT_DOCKERFILE_CHECK"] = "colour=red";
  const auto argument = test::failure("FROM scratch", request);
  CHECK(argument.message == "BUILDKIT_DOCKERFILE_CHECK: invalid check option `colour=red`");
  CHECK(argument.ranges.empty());
}

TEST_CASE("a build argument replaces the check directive") {
  auto request = test::request();
  request.build_args["BUILDKIT_DOCKERFILE_CHECK"] = "skip=JSONArgsRecommended";
  CHECK(test::rules("# check=skip=all\nFROM scratch\nENV a=$b\nCMD x", request) == Strings{"UndefinedVar"});
}

TEST_CASE("shell forms are found where no SHELL was chosen") {
  CHECK(test::rules("FROM scratch\nCMD x\nENTRYPOINT y") == Strings{"JSONArgsRecommended", "JSONArgsRecommended"});
  CHECK(test::rules("FROM scratch AS a\nSHELL [\"s\"]\nFROM a\nCMD x").empty());
  CHECK(test::rules("FROM scratch\nCMD [\"x\"]\nRUN y\nHEALTHCHECK CMD z").empty());
}

TEST_CASE("the first WORKDIR of a chain of stages should be absolute") {
  CHECK(test::rules("FROM scratch\nWORKDIR a\nWORKDIR b") == Strings{"WorkdirRelativePath"});
  CHECK(test::rules("FROM scratch AS a\nWORKDIR /a\nFROM a\nWORKDIR b").empty());
}

TEST_CASE("a base for another platform is found") {
  auto request = test::request();
  request.platforms = {test::arm64()};
  CHECK(test::rules("FROM busybox\nRUN x", request) == Strings{"InvalidBaseImagePlatform"});
}

TEST_CASE("sources that the ignore file leaves out are found") {
  auto request = test::request();
  request.ignore_patterns = {"a", "d/*.o"};
  CHECK(test::rules("FROM scratch AS s\nCOPY a ./b /\nADD /a/x d/y.o /\nCOPY --from=busybox a /", request) ==
        Strings{"CopyIgnoredFile", "CopyIgnoredFile", "CopyIgnoredFile"});
  request.ignore_patterns = {"a", "!a/b"};
  CHECK(test::rules("FROM scratch\nCOPY a /", request).empty());
  request.ignore_patterns = {".*"};
  CHECK(test::rules("FROM scratch\nCOPY . /", request).empty());
  request.ignore_patterns = {"*"};
  CHECK(test::rules("FROM scratch\nCOPY . /", request) == Strings{"CopyIgnoredFile"});
}

TEST_CASE("FROM lines are judged with and without build arguments") {
  auto request = test::request();
  request.build_args = {{"V", "latest"}};
  CHECK(test::rules("ARG V\nFROM busybox:$V", request) == Strings{"InvalidDefaultArgInFrom"});
  CHECK(test::rules("FROM busybox${X}") == Strings{"UndefinedArgInFrom"});
}

TEST_CASE("unneeded stages are judged only on demand, and several platforms once") {
  auto request = test::request();
  const std::string text = "FROM scratch AS a\nENV x=$y\nFROM scratch\nENV x=$y";
  CHECK(test::rules(text, request).size() == 1);
  request.all_stages = true;
  request.platforms = {test::amd64(), test::arm64()};
  CHECK(test::rules(text, request).size() == 2);
}

TEST_CASE("findings of EXPOSE are passed on") {
  CHECK(test::rules("FROM scratch\nEXPOSE 80/TCP") == Strings{"ExposeProtoCasing"});
}
