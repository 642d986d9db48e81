#include <doctest/doctest.h>

#include "tests/unit/frontend/dockerfile/builders.h"

using namespace dockerfile;
using List = std::vector<std::string>;

namespace {

/// Message without the place.
std::string error_of(const std::string& instruction) {
  std::string message = test::parse_error("FROM scratch\n" + instruction);
  std::size_t colon = message.find(": ");
  return colon == std::string::npos ? message : message.substr(colon + 2);
}

FromInstruction from(const std::string& text) {
  return std::get<FromInstruction>(test::parse(text).stages.at(0).from.value);
}

}  // namespace

TEST_CASE("FROM names an image and maybe a stage") {
  FromInstruction plain = from("from --platform=$P a:b");
  CHECK(plain.base == "a:b");
  CHECK(plain.platform == "$P");
  CHECK(plain.stage_name.empty());
  FromInstruction named = from("FROM a As B-1_.x");
  CHECK(named.stage_name == "b-1_.x");
  CHECK(named.stage_name_text == "B-1_.x");
  CHECK(named.as_text == "As");
  for (const char* text : {"FROM", "FROM a b", "FROM a in b", "FROM a AS", "FROM a AS b c"}) {
    CHECK(test::parse_error(text).ends_with("FROM requires either one or three arguments"));
  }
  CHECK(test::parse_error("FROM a AS 1").find("invalid name for build stage: \"1\"") != std::string::npos);
  CHECK_FALSE(test::parse_error("FROM a AS b/c").empty());
}

TEST_CASE("ENV and LABEL have a new and an old form") {
  auto env = test::typed<EnvInstruction>("ENV a=1 b='x y' c=$d");
  REQUIRE(env.variables.size() == 3);
  CHECK(env.variables[1].value == "'x y'");
  CHECK_FALSE(env.variables[0].legacy_form);
  auto old = test::typed<LabelInstruction>("LABEL a   b = c  d");
  REQUIRE(old.labels.size() == 1);
  CHECK(old.labels[0].key == "a");
  CHECK(old.labels[0].value == "b = c  d");
  CHECK(old.labels[0].legacy_form);
  CHECK(error_of("ENV a") == "ENV must have two arguments");
  CHECK(error_of("ENV a=1 b").find("can't find = in \"b\"") != std::string::npos);
  CHECK(error_of("ENV --x a=1") == "unknown flag: --x");
}

TEST_CASE("ARG declares names with or without a default, with descriptions above") {
  auto arg = test::typed<ArgInstruction>("# b is this\n# a the other\nARG a b= c=\"x y\"");
  REQUIRE(arg.items.size() == 3);
  CHECK_FALSE(arg.items[0].default_value);
  CHECK(arg.items[0].comment == "the other");
  CHECK(arg.items[1].default_value == "");
  CHECK(arg.items[1].comment == "is this");
  CHECK(arg.items[2].default_value == "\"x y\"");
  CHECK(error_of("ARG") == "ARG requires at least one argument");
  CHECK(error_of("ARG =x") == "ARG names can not be blank");
  CHECK(test::typed<ArgInstruction>("ARG --junk x").items.at(0).name == "x");
}

TEST_CASE("CMD, ENTRYPOINT and RUN have a shell and an exec form") {
  CHECK(test::typed<CmdInstruction>("CMD  a  'b' ").command.args == List{"a  'b'"});
  CHECK(test::typed<CmdInstruction>("CMD").command.args == List{""});
  auto reset = test::typed<EntrypointInstruction>("ENTRYPOINT []");
  CHECK(reset.command.exec_form);
  CHECK(reset.command.args.empty());
  CHECK(test::typed<RunInstruction>("RUN [\"a\", \"b c\"]").command.args == List{"a", "b c"});
  CHECK(test::typed<RunInstruction>("RUN [a]").command.args == List{"[a]"});
  CHECK(error_of("CMD [1]").find("strings only") != std::string::npos);
}

TEST_CASE("RUN has mounts, network, security and devices") {
  auto run = test::typed<RunInstruction>(
      "RUN --mount=type=cache,target=/x --mount=\"target=/y\" --network=none --security=insecure --device=a/b=c ls");
  CHECK(run.mounts == List{"type=cache,target=/x", "target=/y"});
  CHECK(run.network == "none");
  CHECK(run.security == "insecure");
  CHECK(run.devices == List{"a/b=c"});
  CHECK(test::typed<RunInstruction>("RUN ls").network.empty());
  CHECK(error_of("RUN --network=lan ls").find("invalid value \"lan\" for --network") == 0);
  CHECK(error_of("RUN --network= ls").find("invalid value") == 0);
  CHECK(error_of("RUN --security=no ls").find("invalid value") == 0);
  CHECK(error_of("RUN --mount=from=$x,target=/y ls").find("'from' doesn't support") == 0);
  CHECK(error_of("RUN --network=none --network=none ls") == "duplicate flag specified: --network");
}

TEST_CASE("RUN keeps here-documents as text for the shell") {
  CommandLine command = test::typed<RunInstruction>("RUN cat <<-A > x\n\ta\n\tA\n").command;
  CHECK(command.args == List{"cat <<-A > x"});
  CHECK(command.heredocs.at(0).content == "a\n");
  CHECK(command.original_with_heredocs == "cat <<-A > x\n\ta\nA");
}

TEST_CASE("COPY and ADD have sources, a destination and flags") {
  auto copy = test::typed<CopyInstruction>(
      "COPY --from=x --chown=1:2 --chmod=u+x --link --parents --exclude=a --exclude=b a b\t/c");
  CHECK(copy.sources == List{"a", "b"});
  CHECK(copy.destination == "/c");
  CHECK(copy.from == "x");
  CHECK(copy.link);
  CHECK(copy.parents);
  CHECK(copy.exclude == List{"a", "b"});
  auto add = test::typed<CopyInstruction>("ADD --keep-git-dir --unpack=false --checksum=sha256:x [\"a b\", \"/c\"]");
  CHECK(add.is_add);
  CHECK(add.sources == List{"a b"});
  CHECK(add.keep_git_dir == true);
  CHECK(add.unpack == false);
  CHECK(add.checksum == "sha256:x");
  CHECK_FALSE(test::typed<CopyInstruction>("ADD a b").unpack);
  CHECK(error_of("ADD --from=x a b") == "unknown flag: --from");
  CHECK(error_of("COPY --unpack a b") == "unknown flag: --unpack");
  CHECK(error_of("COPY --from=$x a b").find("variable expansion is not supported for --from") == 0);
  CHECK(error_of("COPY [\"a\"]").find("COPY requires at least two arguments") == 0);
}

TEST_CASE("COPY takes a here-document with a blank before its name") {
  auto copy = test::typed<CopyInstruction>("COPY x << A /d\nbody\nA");
  CHECK(copy.sources == List{"x"});
  CHECK(copy.heredocs.at(0).content == "body\n");
  CHECK(copy.destination == "/d");
}

TEST_CASE("a JSON form has no here-documents") {
  CHECK(test::typed<CopyInstruction>("COPY [\"<<A\", \"/d\"]").sources == List{"<<A"});
}

TEST_CASE("VOLUME, EXPOSE and SHELL take lists") {
  CHECK(test::typed<VolumeInstruction>("VOLUME /a  /b").paths == List{"/a", "/b"});
  CHECK(test::typed<VolumeInstruction>("VOLUME [\" /a b \"]").paths == List{"/a b"});
  CHECK(error_of("VOLUME [\"\"]") == "VOLUME specified can not be an empty string");
  CHECK(error_of("VOLUME []") == "VOLUME requires at least one argument");
  CHECK(test::typed<ExposeInstruction>("EXPOSE 8 $x 10").ports == List{"$x", "10", "8"});
  CHECK(test::typed<ShellInstruction>("SHELL [\"a\", \"-c\"]").shell == List{"a", "-c"});
  CHECK(error_of("SHELL a -c") == "SHELL requires the arguments to be in JSON form");
  CHECK(error_of("SHELL []") == "SHELL requires at least one argument");
}

TEST_CASE("WORKDIR, USER, STOPSIGNAL and MAINTAINER take the whole line") {
  CHECK(test::typed<WorkdirInstruction>("WORKDIR /a b ").path == "/a b");
  CHECK(test::typed<UserInstruction>("USER a:b").user == "a:b");
  CHECK(test::typed<StopSignalInstruction>("STOPSIGNAL 9").signal == "9");
  CHECK(test::typed<MaintainerInstruction>("MAINTAINER a b").author == "a b");
  CHECK(error_of("WORKDIR --x /a") == "unknown flag: --x");
  CHECK(error_of("STOPSIGNAL --x 9").empty());
}

TEST_CASE("HEALTHCHECK has a command, times and retries, or is off") {
  auto check = test::typed<HealthcheckInstruction>(
      "HEALTHCHECK --interval=1m30s --timeout=1ms --start-period=0s --start-interval=2s --retries=3 cmd a b");
  CHECK(check.command.args == List{"a b"});
  CHECK(check.interval == 90'000'000'000);
  CHECK(check.timeout == 1'000'000);
  CHECK(check.start_period == 0);
  CHECK(check.start_interval == 2'000'000'000);
  CHECK(check.retries == 3);
  CHECK(test::typed<HealthcheckInstruction>("HEALTHCHECK CMD [\"a\", \"b\"]").command.args == List{"a", "b"});
  CHECK(test::typed<HealthcheckInstruction>("HEALTHCHECK --x none").none);
  CHECK(error_of("HEALTHCHECK NONE x") == "HEALTHCHECK NONE takes no arguments");
  CHECK(error_of("HEALTHCHECK CMD") == "missing command after HEALTHCHECK CMD");
  CHECK(error_of("HEALTHCHECK TCP 1") == "unknown type \"TCP\" in HEALTHCHECK (try CMD)");
  CHECK(error_of("HEALTHCHECK --interval=999us CMD a") == "interval --interval cannot be less than 1ms");
  CHECK(error_of("HEALTHCHECK --interval=-1s CMD a") == "interval --interval cannot be less than 1ms");
  CHECK_FALSE(error_of("HEALTHCHECK --interval=1 CMD a").empty());
  CHECK(error_of("HEALTHCHECK --retries=-1 CMD a") == "--retries cannot be negative (-1)");
  for (const char* number : {"x", "1x", "99999999999999999999", "2147483648", "-", "+"}) {
    CAPTURE(number);
    CHECK(error_of("HEALTHCHECK --retries=" + std::string(number) + " CMD a").find("invalid number") == 0);
  }
}

TEST_CASE("ONBUILD keeps its trigger as text, with here-documents") {
  CHECK(test::typed<OnbuildInstruction>("OnBuild  run  a \\\n b").expression == "run  a  b");
  CHECK(test::typed<OnbuildInstruction>("ONBUILD COPY <<A <<-B /x\na\nA\n\tb\n\tB").expression ==
        "COPY <<A <<-B /x\na\nA\n\tb\nB");
  CHECK(error_of("ONBUILD") == "ONBUILD requires at least one argument");
  CHECK(error_of("ONBUILD --x RUN a") == "unknown flag: --x");
  CHECK(error_of("ONBUILD maintainer a") == "MAINTAINER isn't allowed as an ONBUILD trigger");
  CHECK(error_of("ONBUILD ONBUILD ONBUILD FROM x") == "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
  CHECK(error_of("ONBUILD BOGUS x").empty());
}

TEST_CASE("unknown instructions get a suggestion in the case of the word") {
  CHECK(error_of("FNTRYPOINT x") == "unknown instruction: FNTRYPOINT (did you mean ENTRYPOINT?)");
  CHECK(error_of("ruun x") == "unknown instruction: ruun (did you mean run?)");
  CHECK(error_of("BOGUS") == "unknown instruction: BOGUS");
  CHECK(error_of("\\\n") == "unknown instruction: ");
}
