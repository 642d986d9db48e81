#include <doctest/doctest.h>

#include <algorithm>

#include "tests/unit/frontend/dockerfile/compiled.h"

using Strings = std::vector<std::string>;

namespace {

dockerfile::PlatformResult busybox(const std::string& text) {
  return test::compile("FROM busybox\n" + text);
}

}  // namespace

TEST_CASE("WORKDIR makes a directory owned by the user, except for the root") {
  const auto result = busybox("WORKDIR /a\nUSER u\nWORKDIR b\nWORKDIR /");
  CHECK(test::history(result) == Strings{"WORKDIR /a", "USER u", "WORKDIR /a/b", "WORKDIR /"});
  CHECK(result.config.working_dir == "/");
  const auto& second = test::action<llb::MkdirAction>(result.root);
  CHECK(second.path == "/a/b");
  CHECK(second.owner->text == "u");
  CHECK_FALSE(test::action<llb::MkdirAction>(result.root->inputs().at(0)).owner);
  CHECK(result.config.history.back().empty_layer);
  CHECK_FALSE(result.config.history[result.config.history.size() - 2].empty_layer);
}

TEST_CASE("an absolute WORKDIR keeps its trailing slash, a relative one does not") {
  CHECK(busybox("WORKDIR /a/").config.working_dir == "/a/");
  CHECK(busybox("WORKDIR /a/\nWORKDIR b/").config.working_dir == "/a/b");
  CHECK(busybox("WORKDIR ../../x").config.working_dir == "/x");
}

TEST_CASE("SOURCE_DATE_EPOCH dates the directories of WORKDIR") {
  auto request = test::request();
  request.build_args["SOURCE_DATE_EPOCH"] = "7";
  const auto result = test::compile("FROM busybox\nWORKDIR /a", request);
  CHECK(test::action<llb::MkdirAction>(result.root).mtime == 7'000'000'000);
  CHECK(result.source_date_epoch == 7);
}

TEST_CASE("SOURCE_DATE_EPOCH may be the default of an ARG, and has to be seconds") {
  CHECK(test::compile("ARG SOURCE_DATE_EPOCH=5\nFROM scratch").source_date_epoch == 5);
  CHECK_FALSE(test::compile("FROM scratch").source_date_epoch);
  auto request = test::request();
  request.build_args["SOURCE_DATE_EPOCH"] = "";
  CHECK_FALSE(test::compile("ARG SOURCE_DATE_EPOCH=5\nFROM scratch", request).source_date_epoch);
  CHECK_FALSE(test::compile("ARG SOURCE_DATE_EPOCH=context\nFROM scratch").source_date_epoch);
  for (const char* value : {"x", "-1", "1.5", "99999999999999999999", "999999999999999"}) {
    CAPTURE(value);
    const auto failure = test::failure("ARG SOURCE_DATE_EPOCH=" + std::string(value) + "\nFROM scratch");
    CHECK(failure.message == "invalid SOURCE_DATE_EPOCH: " + std::string(value));
    CHECK(failure.ranges == std::vector<llb::SourceRange>{{1, 1}});
  }
  CHECK(test::failure("ARG SOURCE_DATE_EPOCH=a\nFROM scratch AS a\nCOPY x /x\nFROM scratch").ranges ==
        std::vector<llb::SourceRange>{{3, 3}});
}

TEST_CASE("SOURCE_DATE_EPOCH may name a source, whose time it then is") {
  auto request = test::request();
  std::vector<std::string> asked;
  request.source_time = [&](const llb::SourceOp& op) -> std::optional<std::int64_t> {
    if (const auto* git = std::get_if<llb::GitSource>(&op)) {
      asked.push_back("git " + git->remote + " " + git->ref);
      return 100;
    }
    asked.push_back("http " + std::get<llb::HttpSource>(op).url);
    return 200;
  };
  const std::string stage = "FROM scratch AS src\nADD https://host/a.git#v1 /\n";
  const std::string rest = "FROM busybox\nARG SOURCE_DATE_EPOCH\nWORKDIR /w\nRUN x";
  const auto by_stage = test::compile("ARG SOURCE_DATE_EPOCH=Src\n" + stage + rest, request);
  CHECK(by_stage.source_date_epoch == 100);
  CHECK(asked == Strings{"git https://host/a.git v1"});
  // Steps see the number.
  const auto& env = test::op<llb::ExecOp>(by_stage.root).env;
  CHECK(std::count(env.begin(), env.end(), "SOURCE_DATE_EPOCH=100") == 1);
  CHECK(test::action<llb::MkdirAction>(by_stage.root->inputs().at(0)).mtime == 100'000'000'000);

  // A number on the command line wins, and asks nobody.
  asked.clear();
  request.build_args["SOURCE_DATE_EPOCH"] = "7";
  CHECK(test::compile("ARG SOURCE_DATE_EPOCH=src\n" + stage + rest, request).source_date_epoch == 7);
  CHECK(asked.empty());

  // A named context, here one that is copied from a download.
  llb::HttpSource http;
  http.url = "https://host/src.tar";
  llb::FileOp copy;
  copy.actions.emplace_back(llb::CopyAction{});
  request.named_contexts["mysource"].kind = dockerfile::NamedContext::Kind::vertex;
  request.named_contexts["mysource"].vertex =
      llb::make_vertex(copy, {nullptr, llb::make_vertex(http, {}, {})}, {});
  request.build_args["SOURCE_DATE_EPOCH"] = "mysource";
  CHECK(test::compile(rest, request).source_date_epoch == 200);
  CHECK(asked == Strings{"http https://host/src.tar"});

  // The main context; a directory has no time, and steps see none.
  request.build_args["SOURCE_DATE_EPOCH"] = "context";
  const auto local = test::compile(rest, request);
  CHECK_FALSE(local.source_date_epoch);
  const auto& unset = test::op<llb::ExecOp>(local.root).env;
  CHECK(std::count(unset.begin(), unset.end(), "SOURCE_DATE_EPOCH=context") == 0);
  llb::GitSource git;
  git.remote = "https://host/c.git";
  request.context = llb::make_vertex(git, {}, {});
  CHECK(test::compile(rest, request).source_date_epoch == 100);
}

TEST_CASE("SOURCE_DATE_EPOCH of a stage that is more than a remote source is refused at what is too much") {
  const auto range = [](const std::string& stage) {
    const auto failure = test::failure("ARG SOURCE_DATE_EPOCH=a\n" + stage + "\nFROM scratch");
    CHECK(failure.message.starts_with("SOURCE_DATE_EPOCH `a`: the stage is not just a remote source"));
    return failure.ranges.at(0).first;
  };
  CHECK(range("FROM busybox AS a\nADD https://host/x /") == 2);
  CHECK(range("FROM scratch AS a") == 2);
  CHECK(range("FROM scratch AS a\nADD local /") == 3);
  CHECK(range("FROM scratch AS a\nADD https://host/$X /") == 3);
  CHECK(range("FROM scratch AS a\nADD https://host/x /\nRUN y") == 4);
}

TEST_CASE("ENV sees the environment before the instruction and keeps places") {
  const auto result = busybox("ENV A=1 B=2\nENV A=3 C=$A ${A}x=y");
  CHECK(Strings(result.config.env.begin() + 1, result.config.env.end()) == Strings{"A=3", "B=2", "C=1", "1x=y"});
  CHECK(test::history(result).back() == "ENV A=3 C=1 1x=y");
}

TEST_CASE("ARG takes the build argument, else its default, else the global value") {
  auto request = test::request();
  request.build_args = {{"given", "g"}};
  const auto result = test::compile(
      "ARG global=G\nARG unset\nFROM busybox\nARG given=d other=$given global unset undefined=${given}2", request);
  CHECK(test::history(result) == Strings{"ARG given=g other=g global=G unset undefined=g2"});
  CHECK(result.config.env.size() == 1);
}

TEST_CASE("a default that a build argument replaces is not even expanded") {
  auto request = test::request();
  request.build_args = {{"A", "x"}};
  CHECK(test::failure("FROM scratch\nARG A=${B:?missing}", request).message.empty());
  const auto failure = test::failure("FROM scratch\nARG A=${B:?missing}");
  CHECK(failure.message.find("missing") != std::string::npos);
  CHECK(failure.ranges == std::vector<llb::SourceRange>{{2, 2}});
}

TEST_CASE("arguments hold from their line on, also in stages built on this one") {
  const auto result =
      test::compile("FROM busybox AS a\nENV x=$V\nARG V=1\nENV y=$V\nFROM a AS b\nENV z=$V\nFROM b\nRUN true");
  CHECK(test::history(result) ==
        Strings{"ENV x=", "ARG V=1", "ENV y=1", "ENV z=1", "RUN |1 V=1 /bin/sh -c true # buildkit"});
  CHECK(test::history(test::compile("FROM scratch AS a\nARG V=1\nFROM scratch\nENV z=$V")) == Strings{"ENV z="});
}

TEST_CASE("an argument that no stage declares changes nothing, a declared one what comes after it") {
  const std::string text = "FROM busybox\nRUN one\nARG A\nRUN two";
  const auto plain = test::compile(text);
  auto request = test::request();
  request.build_args = {{"B", "x"}};
  const auto undeclared = test::compile(text, request);
  CHECK(undeclared.root->digest() == plain.root->digest());
  CHECK(test::history(undeclared) == test::history(plain));
  request.build_args = {{"A", "x"}};
  const auto declared = test::compile(text, request);
  CHECK(declared.root->digest() != plain.root->digest());
  CHECK(declared.root->inputs().at(0)->digest() == plain.root->inputs().at(0)->digest());
}

TEST_CASE("ENTRYPOINT drops a CMD that is not of this stage") {
  CHECK_FALSE(busybox("ENTRYPOINT [\"a\"]").config.cmd);
  CHECK(busybox("CMD [\"c\"]\nENTRYPOINT [\"a\"]").config.cmd == Strings{"c"});
  CHECK_FALSE(test::compile("FROM busybox AS a\nCMD [\"c\"]\nFROM a\nENTRYPOINT [\"a\"]").config.cmd);
  CHECK_FALSE(busybox("ENTRYPOINT [\"a\"]\nENTRYPOINT []").config.entrypoint);
  CHECK(busybox("CMD []").config.cmd == Strings{});
}

TEST_CASE("shell forms are wrapped where they are defined") {
  const auto result = busybox("CMD a b\nSHELL [\"s\", \"-x\"]\nENTRYPOINT c \"d\"");
  CHECK(result.config.cmd == Strings{"/bin/sh", "-c", "a b"});
  CHECK(result.config.entrypoint == Strings{"s", "-x", "c \"d\""});
  CHECK(result.config.shell == Strings{"s", "-x"});
  CHECK(result.config.args_escaped);
  CHECK(test::history(result) ==
        Strings{"CMD [\"/bin/sh\" \"-c\" \"a b\"]", "SHELL [s -x]", "ENTRYPOINT [\"s\" \"-x\" \"c \\\"d\\\"\"]"});
}

TEST_CASE("EXPOSE expands variables into several ports and sorts its words") {
  const auto result = busybox("ENV P=\"80 443/udp\"\nEXPOSE 9000-9001 $P\nEXPOSE 80/TCP");
  CHECK(result.config.exposed_ports == Strings{"80/tcp", "443/udp", "9000/tcp", "9001/tcp"});
  CHECK(test::history(result).at(1) == "EXPOSE [80/tcp 443/udp 9000/tcp 9001/tcp]");
  CHECK(test::failure("FROM scratch\nEXPOSE 80000").ranges == std::vector<llb::SourceRange>{{2, 2}});
}

TEST_CASE("VOLUME, LABEL, STOPSIGNAL, MAINTAINER and HEALTHCHECK fill the config") {
  const auto result = busybox(
      "ENV D=/d\nVOLUME $D /e $D\nLABEL a=$D \"b c\"='$D'\nSTOPSIGNAL sigint\nMAINTAINER m\n"
      "HEALTHCHECK --interval=90s --timeout=1500ms --retries=3 CMD x $D");
  CHECK(result.config.volumes == Strings{"/d", "/e"});
  CHECK(result.config.labels == std::map<std::string, std::string>{{"a", "/d"}, {"b c", "$D"}});
  CHECK(result.config.stop_signal == "sigint");
  CHECK(result.config.author == "m");
  CHECK(result.config.healthcheck->test == Strings{"CMD-SHELL", "x $D"});
  CHECK(
      test::history(result) ==
      Strings{
          "ENV D=/d", "VOLUME [/d /e /d]", "LABEL a=/d b c=$D", "STOPSIGNAL sigint", "MAINTAINER m",
          "HEALTHCHECK {Test:[CMD-SHELL x $D] Interval:1m30s Timeout:1.5s StartPeriod:0s StartInterval:0s Retries:3}"});
  CHECK_FALSE(test::failure("FROM scratch\nVOLUME \" \"").message.empty());
}

TEST_CASE("STOPSIGNAL has to be a signal") {
  for (const char* signal : {"SIGTERM", "term", "9", "64", "65", "+9", "-9", "SIGRTMIN+3", "RTMAX-1", "$S"}) {
    CAPTURE(signal);
    CHECK(test::failure("FROM scratch\nENV S=KILL\nSTOPSIGNAL " + std::string(signal)).message.empty());
  }
  for (const char* signal : {"0", "+", "--9", "SIGNONE", "SIGRTMIN+16", "RTMAX-", "1x"}) {
    CAPTURE(signal);
    CHECK(test::failure("FROM scratch\nSTOPSIGNAL " + std::string(signal)).ranges ==
          std::vector<llb::SourceRange>{{2, 2}});
  }
}

TEST_CASE("labels of the command line come last and leave no history") {
  auto request = test::request();
  request.labels = {{"a", "2"}, {"c", ""}};
  const auto result = test::compile("FROM busybox\nLABEL a=1 b=1", request);
  CHECK(result.config.labels == std::map<std::string, std::string>{{"a", "2"}, {"b", "1"}, {"c", ""}});
  CHECK(test::history(result).size() == 1);
}

TEST_CASE("a scratch image has a path, the root as directory and the target's platform") {
  const auto result = test::compile("FROM scratch");
  CHECK(result.root == nullptr);
  CHECK(result.config.working_dir == "/");
  CHECK(result.config.env == Strings{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"});
  CHECK(result.config.platform == test::amd64());
  CHECK(result.base_history == 0);
}

TEST_CASE("what the base image says is inherited, its creation time and layers are not") {
  const auto result = busybox("RUN x");
  CHECK(result.config.cmd == Strings{"sh"});
  CHECK(result.config.working_dir.empty());
  CHECK(result.config.created.empty());
  CHECK(result.config.diff_ids.empty());
  CHECK(result.base_history == 1);
  CHECK(result.config.history.size() == 2);
  CHECK(result.config.history[0].created == "2023-11-14T22:13:20Z");
  CHECK(result.config.history[1].comment == "buildkit.dockerfile.v0");
}
