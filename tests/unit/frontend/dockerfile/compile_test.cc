#include "frontend/dockerfile/compile.h"

#include <doctest/doctest.h>

#include "tests/unit/frontend/dockerfile/compiled.h"

using Strings = std::vector<std::string>;
using Ranges = std::vector<llb::SourceRange>;

TEST_CASE("only stages that the target needs are resolved") {
  test::Images images;
  images.add("docker.io/library/alpine:3", test::small_image());
  const std::string text =
      "FROM nowhere AS unused\nRUN x\nFROM alpine:3 AS tools\nFROM busybox AS base\nFROM base AS last\n"
      "COPY --from=tools /a /b\nFROM unused AS after\n";
  auto request = test::request();
  request.target = "LAST";
  test::compile_all(text, request, images);
  CHECK(images.asked() ==
        Strings{"docker.io/library/alpine:3 linux/amd64", "docker.io/library/busybox:latest linux/amd64"});
}

TEST_CASE("an image is asked for once, however many stages use it") {
  test::Images images;
  test::compile_all(
      "FROM busybox AS a\nFROM busybox:latest AS b\nCOPY --from=a / /\nCOPY --from=docker.io/library/busybox / /\n",
      test::request(), images);
  CHECK(images.asked().size() == 1);
}

TEST_CASE("an unknown target is told with the nearest stage") {
  auto request = test::request();
  request.target = "biuld";
  CHECK(test::failure("FROM scratch AS build\nFROM scratch AS test", request).message ==
        "target stage \"biuld\" could not be found (did you mean build?)");
}

TEST_CASE("FROM finds earlier stages exactly as written, --from in any case") {
  test::Images images;
  test::compile_all("FROM scratch AS busybox\nFROM busybox\nRUN x", test::request(), images);
  CHECK(images.asked().empty());
  CHECK(test::failure("FROM scratch AS base\nFROM Base").ranges == Ranges{{2, 2}});
  CHECK(test::failure("FROM scratch AS base\nFROM scratch\nCOPY --from=BASE / /").message.empty());
}

TEST_CASE("of stages with one name --from means the last") {
  const auto result =
      test::compile("FROM scratch AS a\nCOPY one /\nFROM scratch AS a\nCOPY two /\nFROM scratch\nCOPY --from=a / /");
  CHECK(test::action<llb::CopyAction>(result.root->inputs().at(1)).source == "/two");
}

TEST_CASE("a stage cannot take files from a later one or from itself") {
  const auto later =
      test::failure("FROM scratch\nCOPY --from=late / /\nFROM scratch AS late\nFROM scratch\nCOPY --from=0 / /");
  CHECK(later.message.find("`late`") != std::string::npos);
  CHECK(later.ranges == Ranges{{2, 2}});
  CHECK(test::failure("FROM scratch AS a\nCOPY --from=a / /").ranges == Ranges{{2, 2}});
  CHECK(test::failure("FROM scratch\nRUN --mount=from=b,target=/x y\nFROM scratch AS b").message.empty());
}

TEST_CASE("stages that need each other are told with all lines of the cycle") {
  const auto cycle = test::failure("FROM scratch AS a\nCOPY --from=c / /\nFROM a AS b\nFROM b AS c\nFROM scratch");
  CHECK(cycle.ranges == Ranges{{2, 2}, {4, 4}, {3, 3}});
  CHECK(cycle.message == "stage `a` needs itself: a -> c -> b -> a");
}

TEST_CASE("an index past the last stage is refused") {
  CHECK(test::failure("FROM scratch\nCOPY --from=1 / /").ranges == Ranges{{2, 2}});
}

TEST_CASE("a long chain of stages compiles") {
  std::string text = "FROM scratch AS s0\n";
  for (int i = 1; i < 3000; ++i) text += "FROM s" + std::to_string(i - 1) + " AS s" + std::to_string(i) + "\n";
  CHECK(test::failure(text).message.empty());
}

TEST_CASE("steps are numbered per stage, the stage is named when there are several") {
  const auto one = test::compile("FROM busybox\nWORKDIR /a\nENV A=1\nrun echo $A $B\nCOPY a $A");
  const Strings names = test::step_names(one);
  CHECK(names.at(0).starts_with("[1/4] FROM docker.io/library/busybox:latest@sha256:"));
  CHECK(names.at(1) == "[2/4] WORKDIR /a");
  CHECK(names.at(2) == "[3/4] RUN echo 1 $B");
  CHECK(names.back() == "[4/4] COPY a 1");
  const Strings two = test::step_names(test::compile("FROM scratch AS a\nCOPY x /x\nFROM busybox\nCOPY --from=a /x /"));
  CHECK(std::find(two.begin(), two.end(), "[a 1/1] COPY x /x") != two.end());
  CHECK(two.back() == "[stage-1 2/2] COPY --from=a /x /");
}

TEST_CASE("step numbers are aligned from ten steps on") {
  std::string text = "FROM busybox\n";
  for (int i = 0; i < 9; ++i) text += "RUN x\n";
  const Strings names = test::step_names(test::compile(text));
  CHECK(names.at(1) == "[ 2/10] RUN x");
  CHECK(names.back() == "[10/10] RUN x");
}

TEST_CASE("the note of a here-document is its first line") {
  CHECK(test::step_names(test::compile("FROM scratch\nRUN <<EOF\n\nfirst\nsecond\nEOF")).back() ==
        "[1/1] RUN <<EOF (first...)");
}

TEST_CASE("platforms are compiled each for itself and named in the steps") {
  auto request = test::request();
  request.platforms = {test::amd64(), test::arm64()};
  request.multi_platform = true;
  test::Images images;
  const auto result = test::compile_all(
      "FROM --platform=$BUILDPLATFORM busybox AS b\nARG TARGETARCH\nRUN make $TARGETARCH\nFROM busybox\nCOPY --from=b "
      "/x /",
      request, images);
  REQUIRE(result.platforms.size() == 2);
  CHECK(result.platforms[0].platform == test::amd64());
  CHECK(result.platforms[1].config.platform == test::arm64());
  const Strings names = test::step_names(result.platforms[1]);
  CHECK(std::find(names.begin(), names.end(), "[linux/amd64->arm64 b 2/2] RUN make arm64") != names.end());
  CHECK(names.back() == "[linux/arm64 stage-1 2/2] COPY --from=b /x /");
  CHECK(images.asked() == Strings{"docker.io/library/busybox:latest linux/amd64",
                                  "docker.io/library/busybox:latest linux/amd64",
                                  "docker.io/library/busybox:latest linux/arm64"});
}

TEST_CASE("predefined arguments describe the platforms and can be overridden") {
  auto request = test::request();
  request.platforms = {oci::Platform{"linux", "arm", "v7", ""}};
  request.build_args = {{"BUILDARCH", "mine"}};
  const auto result = test::compile(
      "FROM --platform=$BUILDPLATFORM busybox\n"
      "ARG BUILDPLATFORM BUILDARCH BUILDVARIANT TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT TARGETSTAGE",
      request);
  CHECK(test::history(result).at(0) ==
        "ARG BUILDPLATFORM=linux/amd64 BUILDARCH=mine BUILDVARIANT= TARGETPLATFORM=linux/arm/v7 TARGETOS=linux "
        "TARGETARCH=arm TARGETVARIANT=v7 TARGETSTAGE=default");
}

TEST_CASE("TARGETSTAGE is the target, else the last stage") {
  const std::string text = "FROM scratch AS one\nARG TARGETSTAGE\nFROM scratch AS two\nARG TARGETSTAGE";
  CHECK(test::history(test::compile(text)).back() == "ARG TARGETSTAGE=two");
  auto request = test::request();
  request.target = "one";
  CHECK(test::history(test::compile(text, request)).back() == "ARG TARGETSTAGE=one");
}

TEST_CASE("the result has the target's platform, or the base's when none was asked for") {
  auto request = test::request();
  request.platforms = {oci::Platform{"linux", "riscv64", "", ""}};
  CHECK(test::compile("FROM busybox", request).config.platform.architecture == "riscv64");
  request.implicit_platform = true;
  CHECK(test::compile("FROM busybox", request).config.platform.architecture == "amd64");
  CHECK(test::compile("FROM scratch", request).config.platform.architecture == "riscv64");
}

TEST_CASE("what FROM says has to be a name and a platform") {
  CHECK(test::failure("ARG X\nFROM ${X}").ranges == Ranges{{2, 2}});
  CHECK(test::failure("FROM UPPER/case:x").ranges == Ranges{{1, 1}});
  CHECK(test::failure("FROM --platform=a/b/c/d/e scratch").ranges == Ranges{{1, 1}});
  CHECK(test::failure("ARG MY_ARCH=amd64\nFROM --platform=$MYARCH scratch").message.find("did you mean MY_ARCH?") !=
        std::string::npos);
  CHECK(test::failure("FROM ${X:?nobase}").message.find("nobase") != std::string::npos);
  CHECK(test::failure("ARG A=${B:?none}\nFROM scratch").ranges == Ranges{{1, 1}});
}

TEST_CASE("an image that cannot be had is told at its FROM, with the nearest name") {
  const auto failure = test::failure("FROM scratch\nFROM busibox");
  CHECK(failure.message.find("(did you mean busybox?)") != std::string::npos);
  CHECK(failure.ranges == Ranges{{2, 2}});
  CHECK(test::failure("FROM scratch\nRUN --mount=from=nobody,target=/x true").ranges == Ranges{{2, 2}});
}

TEST_CASE("--no-cache concerns RUN, COPY and ADD; the filter names stages") {
  const std::string text = "FROM busybox AS a\nWORKDIR /w\nRUN x\nFROM a AS b\nCOPY y /\n";
  auto request = test::request();
  const auto ignored = [&] {
    const auto result = test::compile(text, request);
    Strings names;
    const std::vector<llb::VertexRef> roots{result.root};
    for (const auto& vertex : llb::topological_order(roots)) {
      if (vertex->meta().ignore_cache) names.push_back(vertex->meta().instruction);
    }
    return names;
  };
  CHECK(ignored().empty());
  request.no_cache_filter = {"B"};
  CHECK(ignored() == Strings{"COPY y /"});
  request.no_cache_filter = {};
  request.no_cache = true;
  CHECK(ignored() == Strings{"RUN x", "COPY y /"});
}

TEST_CASE("vertices know their place and stage without it being part of the digest") {
  const auto result = test::compile("FROM busybox AS s\n\nRUN a \\\n  b");
  CHECK(result.root->meta().location.ranges == Ranges{{3, 4}});
  CHECK(result.root->meta().location.source->name == "Dockerfile");
  CHECK(result.root->meta().stage == "s");
  CHECK(result.root->digest() == test::compile("# comment\nFROM busybox\nRUN a \\\n  b").root->digest());
}

TEST_CASE("findings come out also when the build fails") {
  test::Images images;
  std::vector<dockerfile::Warning> found;
  CHECK_THROWS_AS(
      dockerfile::compile(test::parse("FROM scratch\nCOPY $x /\nEXPOSE no"), test::request(), images, &found),
      const dockerfile::DockerfileError&);
  REQUIRE(found.size() == 1);
  CHECK(found[0].rule == "UndefinedVar");
}
