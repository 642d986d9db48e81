#include <doctest/doctest.h>

#include "tests/unit/frontend/dockerfile/compiled.h"

using Strings = std::vector<std::string>;

namespace {

llb::ExecOp run(const std::string& text, const dockerfile::FrontendRequest& request = test::request()) {
  return test::op<llb::ExecOp>(test::compile("FROM busybox\n" + text, request).root);
}

}  // namespace

TEST_CASE("the shell form is handed to the shell as one argument") {
  CHECK(run("RUN echo a \\\n  b").args == Strings{"/bin/sh", "-c", "echo a   b"});
  CHECK(run("SHELL [\"/bin/bash\", \"-ec\"]\nRUN x").args == Strings{"/bin/bash", "-ec", "x"});
}

TEST_CASE("the exec form is run as it is") {
  CHECK(run("RUN [\"a\", \"$HOME\"]").args == Strings{"a", "$HOME"});
  CHECK(test::failure("FROM busybox\nRUN []").ranges == std::vector<llb::SourceRange>{{2, 2}});
}

TEST_CASE("a process sees ENV, ARG, WORKDIR and USER of its stage") {
  const auto op = run("ENV A=1\nARG B=2\nARG C\nWORKDIR /w/\nUSER u:g\nRUN x");
  CHECK(op.env == Strings{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=1", "B=2"});
  CHECK(op.cwd == "/w");
  CHECK(op.user == "u:g");
  CHECK(op.hostname == "buildkitsandbox");
}

TEST_CASE("the later of ENV and ARG wins for the process, ENV in the image") {
  const auto result = test::compile("FROM busybox\nENV X=1\nARG X=2\nRUN x");
  CHECK(test::op<llb::ExecOp>(result.root).env.back() == "X=2");
  CHECK(result.config.env.back() == "X=1");
  CHECK(test::history(result).back() == "RUN |1 X=2 /bin/sh -c x # buildkit");
}

TEST_CASE("proxies come in both spellings, outside of key and history") {
  auto request = test::request();
  request.build_args = {{"HTTP_PROXY", "http://p"}, {"no_proxy", "x"}, {"other", "y"}};
  const auto result = test::compile("FROM busybox\nRUN x", request);
  const auto& op = test::op<llb::ExecOp>(result.root);
  CHECK(op.proxy_env == Strings{"HTTP_PROXY=http://p", "http_proxy=http://p", "NO_PROXY=x", "no_proxy=x"});
  CHECK(op.env.size() == 1);
  CHECK(test::history(result) == Strings{"RUN /bin/sh -c x # buildkit"});
  CHECK(result.root->digest() == test::compile("FROM busybox\nRUN x").root->digest());
}

TEST_CASE("a here-document alone is the script of the shell") {
  CHECK(run("RUN <<EOF\na\nb\nEOF\n").args == Strings{"/bin/sh", "-c", "a\nb\n"});
  CHECK(run("RUN <<-'EOF'\n\ta\n\tEOF\n").args == Strings{"/bin/sh", "-c", "a\n"});
}

TEST_CASE("a here-document with a shebang is a file that is run") {
  const auto op = run("RUN <<EOF\n#!/bin/awk\nx\nEOF\n");
  CHECK(op.args == Strings{"/bin/sh", "-c", "/dev/pipes/EOF"});
  CHECK(op.scripts == std::map<std::string, std::string>{{"EOF", "#!/bin/awk\nx\n"}});
}

TEST_CASE("a here-document beside a command goes to the shell as written") {
  CHECK(run("RUN cat <<A <<B > /x\n1\nA\n2\nB\n").args == Strings{"/bin/sh", "-c", "cat <<A <<B > /x\n1\nA\n2\nB"});
}

TEST_CASE("a bind mount shows the context, a stage or an image, read-only") {
  const std::string text =
      "FROM scratch AS files\nCOPY x /x\nFROM busybox\nWORKDIR /w\n"
      "RUN --mount=target=c,source=../s --mount=type=bind,from=files,target=/f,rw --mount=from=busybox,dst=/b x\n";
  const auto vertex = test::compile(text).root;
  const auto& mounts = test::op<llb::ExecOp>(vertex).mounts;
  REQUIRE(mounts.size() == 3);
  CHECK(mounts[0].target == "/w/c");
  CHECK(mounts[0].source == "/s");
  CHECK(mounts[0].read_only);
  CHECK(std::holds_alternative<llb::LocalSource>(vertex->inputs().at(std::size_t(mounts[0].input))->op()));
  CHECK_FALSE(mounts[1].read_only);
  CHECK(std::holds_alternative<llb::FileOp>(vertex->inputs().at(std::size_t(mounts[1].input))->op()));
  CHECK(std::holds_alternative<llb::ImageSource>(vertex->inputs().at(std::size_t(mounts[2].input))->op()));
}

TEST_CASE("several mounts of one source share an input") {
  const auto vertex = test::compile("FROM busybox\nRUN --mount=target=/a --mount=target=/b,source=x true").root;
  CHECK(vertex->inputs().size() == 2);
}

TEST_CASE("a cache mount is known by its target and may start with files of a stage") {
  const auto op =
      run("RUN --mount=type=cache,target=/c/ "
          "--mount=type=cache,id=i,target=/d,from=busybox,source=etc,sharing=locked,uid=7 x");
  CHECK(op.mounts[0].id == "/c");
  CHECK(op.mounts[0].input == -1);
  CHECK(op.mounts[0].source.empty());
  CHECK(op.mounts[1].id == "i");
  CHECK(op.mounts[1].input == 1);
  CHECK(op.mounts[1].source == "/etc");
  CHECK(op.mounts[1].sharing == llb::Sharing::locked);
  CHECK(op.mounts[1].uid == 7);
}

TEST_CASE("secrets and agents get their places, and names hide secret values") {
  const auto vertex = test::compile(
                          "FROM busybox\nENV T=shown U=u\nRUN --mount=type=secret,id=a --mount=type=secret,id=b,env=T "
                          "--mount=type=ssh --mount=type=ssh,id=x echo $T $U $V")
                          .root;
  const auto& op = test::op<llb::ExecOp>(vertex);
  CHECK(op.mounts[0].target == "/run/secrets/a");
  CHECK(op.mounts[1].target.empty());
  CHECK(op.mounts[2].target == "/run/buildkit/ssh_agent.0");
  CHECK(op.mounts[3].target == "/run/buildkit/ssh_agent.1");
  CHECK(op.env.back() == "SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0");
  CHECK(vertex->meta().name.ends_with("echo **** u $V"));
}

TEST_CASE("mount values are expanded, from is not") {
  auto request = test::request();
  request.build_args = {{"T", "cache"}};
  const auto op = run("ARG T\nENV D=/d\nRUN --mount=type=$T,target=${D}/x y", request);
  CHECK(op.mounts[0].type == llb::MountType::cache);
  CHECK(op.mounts[0].target == "/d/x");
  CHECK(test::parse_error("FROM busybox\nARG S=a\nRUN --mount=from=$S,target=/x y").find("from") != std::string::npos);
}

TEST_CASE("a mount without a usable target is refused") {
  CHECK(test::failure("FROM busybox\nRUN --mount=type=cache x").ranges == std::vector<llb::SourceRange>{{2, 2}});
  CHECK(test::failure("FROM busybox\nRUN --mount=target=/ x").message.find('/') != std::string::npos);
  CHECK_FALSE(test::failure("FROM busybox\nWORKDIR /w\nRUN --mount=target=.. x").message.empty());
}

TEST_CASE("a mount without target covers WORKDIR") {
  CHECK(run("WORKDIR /src\nRUN --mount=from=busybox,src=/x,rw make").mounts[0].target == "/src");
}

TEST_CASE("network and security modes need what they need") {
  CHECK(run("RUN x").network == llb::NetworkMode::unset);
  CHECK(run("RUN --network=none x").network == llb::NetworkMode::none);
  CHECK(run("RUN --network=host x").network == llb::NetworkMode::host);
  auto request = test::request();
  request.network = llb::NetworkMode::none;
  CHECK(run("RUN x", request).network == llb::NetworkMode::none);
  CHECK(run("RUN --network=default x", request).network == llb::NetworkMode::none);
  request.allow_host_network = false;
  CHECK(test::failure("FROM busybox\nRUN --network=host x", request).hint == "allow it with --allow network.host");
  CHECK_FALSE(test::failure("FROM busybox\nRUN --security=insecure x").message.empty());
  request.allow_insecure = true;
  CHECK(run("RUN --security=insecure x", request).security == llb::SecurityMode::insecure);
}

TEST_CASE("what surrounds the process comes from the request") {
  auto request = test::request();
  request.hostname = "h";
  request.shm_size = 1 << 20;
  request.cgroup_parent = "/c";
  request.ulimits = {{"nofile", 1, 2}};
  request.extra_hosts = {{"db", "10.0.0.1"}};
  const auto op = run("RUN x", request);
  CHECK(op.hostname == "h");
  CHECK(op.shm_size == 1 << 20);
  CHECK(op.cgroup_parent == "/c");
  CHECK(op.ulimits.size() == 1);
  CHECK(op.extra_hosts.at(0).ip == "10.0.0.1");
}
