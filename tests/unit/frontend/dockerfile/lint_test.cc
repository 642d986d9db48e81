#include "frontend/dockerfile/lint.h"

#include <doctest/doctest.h>

#include "tests/unit/frontend/dockerfile/builders.h"

using namespace dockerfile;
using List = std::vector<std::string>;

namespace {

/// "Rule:line" of all findings.
List findings(const std::string& text) {
  List list;
  for (const Warning& warning : test::warnings_of(text)) {
    list.push_back(warning.rule + ":" + std::to_string(warning.range.first));
  }
  return list;
}

}  // namespace

TEST_CASE("stage names and AS are checked for their case") {
  CHECK(findings("FROM scratch AS Bad\nFROM scratch as b\nfRom scratch As c") ==
        List{"StageNameCasing:1", "FromAsCasing:2", "ConsistentInstructionCasing:3"});
  CHECK(findings("from scratch as a\nfrom scratch AS b") == List{"FromAsCasing:2"});
}

TEST_CASE("instructions follow the case of the majority, upper case on a tie") {
  CHECK(findings("FROM scratch\ncopy a .\nCOPY b .") == List{"ConsistentInstructionCasing:2"});
  CHECK(findings("from scratch\ncopy a .\nCOPY b .") == List{"ConsistentInstructionCasing:3"});
  CHECK(findings("from scratch\nCOPY b .") == List{"ConsistentInstructionCasing:1"});
  CHECK(findings("FROM scratch\nCopy b .") == List{"ConsistentInstructionCasing:2"});
  CHECK(findings("arg x\nFROM scratch\nCOPY b .").empty());
}

TEST_CASE("stage names are unique and not reserved") {
  CHECK(findings("FROM scratch AS a\nFROM scratch AS A") == List{"StageNameCasing:2", "DuplicateStageName:2"});
  CHECK(findings("FROM scratch AS scratch\nFROM scratch AS context") ==
        List{"ReservedStageName:1", "ReservedStageName:2"});
}

TEST_CASE("constant and superfluous platforms are found") {
  CHECK(findings("FROM --platform=linux/amd64 scratch") == List{"FromPlatformFlagConstDisallowed:1"});
  CHECK(findings("FROM --platform=linux/amd64 scratch AS my-amd64").empty());
  CHECK(findings("FROM --platform=$BUILDPLATFORM scratch").empty());
  CHECK(findings("FROM --platform=not/a/platform/at/all scratch").empty());
  CHECK(findings("FROM --platform=${TARGETPLATFORM} scratch") == List{"RedundantTargetPlatform:1"});
}

TEST_CASE("old forms are found") {
  CHECK(findings("FROM scratch\nENV a b\nLABEL c d\nENV e=f\nMAINTAINER x") ==
        List{"LegacyKeyValueFormat:2", "LegacyKeyValueFormat:3", "MaintainerDeprecated:5"});
}

TEST_CASE("names that look secret are found in stages") {
  CHECK(findings("ARG TOKEN\nFROM scratch\nARG api_KEY x\nENV PASSWORD=1\nENV public_key=1 KEYBOARD=2") ==
        List{"SecretsUsedInArgOrEnv:3", "SecretsUsedInArgOrEnv:4"});
}

TEST_CASE("of repeated instructions the earlier ones are found") {
  CHECK(findings("FROM scratch\nCMD [\"a\"]\nCMD [\"b\"]\nCMD [\"c\"]\nFROM scratch\nCMD [\"d\"]") ==
        List{"MultipleInstructionsDisallowed:2", "MultipleInstructionsDisallowed:3"});
}

TEST_CASE("several sources want a directory") {
  CHECK(findings("FROM scratch\nCOPY a b c\nCOPY a b c/\nCOPY a b .\nCOPY a b $c\nCOPY a b\nCOPY <<X y z\nX\n") ==
        List{"CopySourcesNeedSlash:2", "CopySourcesNeedSlash:7"});
}

TEST_CASE("descriptions are checked only when asked for") {
  std::string text = "# wrong\nARG x\n# x right\nARG x\n# check=skip=InvalidDefinitionDescription\nARG y\nFROM scratch";
  CHECK(findings(text).empty());
  CHECK(findings("# check=experimental=all\n" + text) == List{"InvalidDefinitionDescription:3"});
  CHECK(findings("# check=experimental=InvalidDefinitionDescription\n" + text).size() == 1);
}

TEST_CASE("a comment above an instruction switches its findings off") {
  CHECK(findings("FROM scratch\n# check=skip=MaintainerDeprecated\nMAINTAINER x").empty());
  CHECK(findings("FROM scratch\n# check=skip=all\nRUN a \\\n\n b").empty());
  CHECK(findings("FROM scratch\n# check=skip=Other\nMAINTAINER x").size() == 1);
}

TEST_CASE("options are a list of lists") {
  LintOptions options = parse_lint_options("skip=A, B ;error=true;experimental=all");
  CHECK(options.skip.contains("B"));
  CHECK(options.error);
  CHECK(options.experimental_all);
  CHECK(parse_lint_options("skip=all").skip_all);
  CHECK(parse_lint_options("").skip.empty());
  for (const char* text : {"x", "skip", "foo=bar", "error=maybe", "skip=A;b"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_lint_options(text), util::Error);
  }
}

TEST_CASE("options select findings") {
  std::vector<Warning> warnings = {make_warning("StageNameCasing", "a", {1, 1}),
                                   make_warning("InvalidDefinitionDescription", "b", {2, 2})};
  CHECK(select_warnings(warnings, parse_lint_options("")).size() == 1);
  CHECK(select_warnings(warnings, parse_lint_options("experimental=InvalidDefinitionDescription")).size() == 2);
  CHECK(select_warnings(warnings, parse_lint_options("skip=StageNameCasing")).empty());
  CHECK(select_warnings(warnings, parse_lint_options("skip=all;experimental=all")).empty());
}

TEST_CASE("a finding carries the texts of its rule") {
  Warning warning = make_warning("JSONArgsRecommended", "message", {4, 5});
  CHECK(warning.url == "https://docs.docker.com/go/dockerfile/rule/json-args-recommended/");
  CHECK_FALSE(warning.description.empty());
  CHECK(warning.range == llb::SourceRange{4, 5});
}
