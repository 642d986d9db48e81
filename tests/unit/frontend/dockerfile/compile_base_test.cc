#include "frontend/dockerfile/compile_base.h"

#include <doctest/doctest.h>

#include "tests/unit/frontend/dockerfile/compiled.h"

using Strings = std::vector<std::string>;
using Kind = dockerfile::NamedContext::Kind;

namespace {

dockerfile::NamedContext image_context(const std::string& reference) {
  dockerfile::NamedContext context;
  context.kind = Kind::image;
  context.image.reference = reference;
  return context;
}

dockerfile::NamedContext directory_context(const std::string& name) {
  dockerfile::NamedContext context;
  context.directory = {name, "/dir", {"*.o"}};
  return context;
}

oci::ImageConfig with_env(const std::string& entry) {
  oci::ImageConfig config = test::small_image();
  config.env.push_back(entry);
  return config;
}

}  // namespace

TEST_CASE("a base image is pinned and named with its digest") {
  const auto root = test::compile("FROM busybox AS a").root;
  const auto& source = test::op<llb::ImageSource>(root);
  CHECK(source.manifest == util::sha256_of("docker.io/library/busybox:latestlinux/amd64"));
  CHECK(root->meta().name == "[1/1] FROM docker.io/library/busybox:latest@" +
                                 util::sha256_of("docker.io/library/busybox:latest").to_string());
}

TEST_CASE("a named context stands in for a base, under any spelling of its name") {
  auto request = test::request();
  request.named_contexts["alpine"] = image_context("docker.io/library/busybox:latest");
  for (const char* base : {"alpine", "alpine:latest", "docker.io/library/alpine"}) {
    CAPTURE(base);
    const auto result = test::compile(std::string("FROM ") + base + "\nRUN x", request);
    CHECK(result.config.cmd == Strings{"sh"});
    CHECK(result.root->inputs().at(0)->meta().name.starts_with("[context "));
  }
  CHECK_FALSE(test::failure("FROM alpine:3", request).message.empty());
}

TEST_CASE("a named context replaces a stage of its name as a whole") {
  auto request = test::request();
  request.named_contexts["tools"] = image_context("docker.io/library/busybox:latest");
  const auto result = test::compile("FROM nowhere AS tools\nRUN never\nFROM tools\nRUN x", request);
  CHECK(test::history(result) == Strings{"RUN /bin/sh -c x # buildkit"});
  CHECK(std::holds_alternative<llb::ImageSource>(result.root->inputs().at(0)->op()));
  CHECK(test::failure("FROM scratch\nCOPY --from=tools /a /b", request).message.empty());
}

TEST_CASE("a context named for a platform is preferred") {
  test::Images images;
  images.add("docker.io/library/one:1", with_env("WHICH=plain"));
  images.add("docker.io/library/two:2", with_env("WHICH=amd64"));
  auto request = test::request();
  request.named_contexts["base"] = image_context("docker.io/library/one:1");
  request.named_contexts["base::linux/amd64"] = image_context("docker.io/library/two:2");
  CHECK(test::compile_all("FROM base", request, images).platforms[0].config.env.back() == "WHICH=amd64");
  request.platforms = {test::arm64()};
  CHECK(test::compile_all("FROM base", request, images).platforms[0].config.env.back() == "WHICH=plain");
}

TEST_CASE("a directory can be a source of files and a base without config") {
  auto request = test::request();
  request.named_contexts["files"] = directory_context("files");
  const auto copied = test::compile("FROM busybox\nCOPY --from=files a /b", request).root;
  CHECK(test::op<llb::LocalSource>(copied->inputs().at(1)).path == "/dir");
  const auto mounted = test::compile("FROM busybox\nRUN --mount=from=files,target=/m x", request).root;
  CHECK(test::op<llb::LocalSource>(mounted->inputs().at(1)).exclude == Strings{"*.o"});
  const auto base = test::compile("FROM files\nRUN x", request);
  CHECK(test::op<llb::LocalSource>(base.root->inputs().at(0)).name == "files");
  CHECK(base.config.working_dir == "/");
}

TEST_CASE("contexts may be scratch, a layout, or a vertex; scratch and context are no names for them") {
  auto request = test::request();
  request.named_contexts["empty"] = image_context("scratch");
  CHECK(test::compile("FROM empty", request).root == nullptr);
  const auto vertex = llb::make_vertex(llb::GitSource{}, {}, {});
  dockerfile::NamedContext git;
  git.kind = Kind::vertex;
  git.vertex = vertex;
  request.named_contexts["git"] = git;
  CHECK(test::compile("FROM scratch\nCOPY --from=git / /", request).root->inputs().at(1) == vertex);
  request.named_contexts["scratch"] = image_context("docker.io/library/busybox:latest");
  CHECK(test::compile("FROM scratch", request).root == nullptr);

  test::Images images;
  images.add("/layout", with_env("FROM=layout"));
  dockerfile::NamedContext layout;
  layout.kind = Kind::layout;
  layout.image.kind = oci::ImageLocation::Kind::layout;
  layout.image.layout_path = "/layout";
  request.named_contexts["base"] = layout;
  const auto result = test::compile_all("FROM base", request, images).platforms[0];
  CHECK(result.config.env.back() == "FROM=layout");
  CHECK(result.root->meta().name.starts_with("[context base] oci-layout:///layout@sha256:"));
}

TEST_CASE("contexts that nothing needs are not looked at") {
  test::Images images;
  auto request = test::request();
  request.named_contexts["other"] = image_context("docker.io/library/nowhere:1");
  test::compile_all("FROM busybox\nRUN x", request, images);
  CHECK(images.asked() == Strings{"docker.io/library/busybox:latest linux/amd64"});
}

TEST_CASE("an image without layers is scratch with a config") {
  test::Images images;
  oci::ImageConfig empty = test::small_image({"x"});
  empty.diff_ids.clear();
  empty.history.clear();
  images.add("docker.io/library/empty:latest", empty);
  const auto result = test::compile_all("FROM empty\nCOPY a /a", test::request(), images).platforms[0];
  CHECK(result.root->inputs().at(0) == nullptr);
  CHECK(result.config.cmd == Strings{"x"});
}

TEST_CASE("a base without PATH gets the default one, a Windows base does not") {
  test::Images images;
  oci::ImageConfig bare = test::small_image();
  bare.env = {"A=1"};
  images.add("docker.io/library/bare:latest", bare);
  CHECK(test::compile_all("FROM bare", test::request(), images).platforms[0].config.env.size() == 2);
  auto request = test::request();
  request.platforms = {oci::Platform{"windows", "amd64", "", ""}};
  const auto windows = test::compile_all("FROM bare\nRUN dir", request, images).platforms[0];
  CHECK(windows.config.env.size() == 1);
  CHECK(test::op<llb::ExecOp>(windows.root).args == Strings{"cmd", "/S", "/C", "dir"});
}

TEST_CASE("ONBUILD triggers of the base image run first and are gone afterwards") {
  test::Images images;
  oci::ImageConfig base = test::small_image();
  base.on_build = {"ENV T=1", "RUN trigger $T", "COPY --from=busybox /a /b"};
  images.add("docker.io/library/base:latest", base);
  const auto result = test::compile_all("FROM base\nONBUILD RUN later\nRUN own", test::request(), images).platforms[0];
  CHECK(test::history(result) == Strings{"ENV T=1", "RUN /bin/sh -c trigger $T # buildkit", "COPY /a /b # buildkit",
                                         "RUN /bin/sh -c own # buildkit"});
  CHECK(result.config.on_build == Strings{"RUN later"});
  const Strings names = test::step_names(result);
  CHECK(std::find(names.begin(), names.end(), "[2/4] ONBUILD RUN trigger 1") != names.end());
  CHECK(images.asked().size() == 2);
}

TEST_CASE("ONBUILD triggers of a stage run in the stages built on it, once") {
  const auto result = test::compile(
      "FROM scratch AS src\nCOPY s /s\nFROM busybox AS base\nONBUILD COPY --from=src /s /t\nFROM base AS mid\nRUN "
      "m\nFROM mid\nRUN l");
  CHECK(test::history(result) ==
        Strings{"COPY /s /t # buildkit", "RUN /bin/sh -c m # buildkit", "RUN /bin/sh -c l # buildkit"});
  CHECK(result.config.on_build.empty());
}

TEST_CASE("a trigger that cannot work is told at the FROM of the child") {
  test::Images images;
  oci::ImageConfig base = test::small_image();
  base.on_build = {"COPY $x"};
  images.add("docker.io/library/base:latest", base);
  try {
    test::compile_all("FROM scratch\n\nFROM base", test::request(), images);
    FAIL("compiled");
  } catch (const dockerfile::DockerfileError& error) {
    CHECK(error.location().ranges == std::vector<llb::SourceRange>{{3, 3}});
  }
  CHECK(test::failure(
            "FROM scratch AS a\nONBUILD COPY --from=b / /\nFROM a\nFROM scratch AS b\nFROM scratch\nCOPY --from=1 / /")
            .ranges == std::vector<llb::SourceRange>{{3, 3}});
}

TEST_CASE("a trigger can close a cycle") {
  CHECK(test::failure("FROM scratch AS a\nONBUILD COPY --from=b / /\nFROM a AS b").ranges ==
        std::vector<llb::SourceRange>{{3, 3}});
}

TEST_CASE("an image behind --from is taken for the platform of the stage and triggers nothing") {
  test::Images images;
  oci::ImageConfig base = test::small_image();
  base.on_build = {"RUN never"};
  images.add("docker.io/library/base:latest", base);
  auto request = test::request();
  request.platforms = {test::arm64()};
  test::compile_all("FROM --platform=$BUILDPLATFORM busybox\nCOPY --from=base / /", request, images);
  CHECK(images.asked() ==
        Strings{"docker.io/library/base:latest linux/amd64", "docker.io/library/busybox:latest linux/amd64"});
}
