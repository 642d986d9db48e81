// Config and history of every build case of the corpus, against what BuildKit made of it. Nothing runs; the file
// systems are the business of the conformance runs.
#include <doctest/doctest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "frontend/dockerfile/compile.h"
#include "tests/support/fixed_image_resolver.h"
#include "tests/unit/frontend/dockerfile/corpus.h"

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

dockerfile::FrontendRequest request_of(const json& details) {
  dockerfile::FrontendRequest request;
  request.platforms = {{"linux", "amd64", "", ""}};
  request.build_platform = request.platforms[0];
  for (const auto& [name, value] : details.at("args").items()) request.build_args[name] = value;
  request.target = details.value("target", "");
  if (details.contains("labels")) request.labels = details.at("labels").get<std::map<std::string, std::string>>();
  request.context = llb::make_vertex(llb::LocalSource{"context", "/context", {}}, {}, {});
  return request;
}

json set_of(const std::vector<std::string>& names) {
  json object = json::object();
  for (const std::string& name : names) object[name] = json::object();
  return object;
}

json normalised(const oci::ImageConfig& config) {
  json value{{"architecture", config.platform.architecture},
             {"os", config.platform.os},
             {"author", config.author},
             {"User", config.user},
             {"ExposedPorts", set_of(config.exposed_ports)},
             {"Env", config.env},
             {"Volumes", set_of(config.volumes)},
             {"WorkingDir", config.working_dir},
             {"Labels", config.labels},
             {"StopSignal", config.stop_signal},
             {"OnBuild", config.on_build}};
  if (config.entrypoint) value["Entrypoint"] = *config.entrypoint;
  if (config.cmd) value["Cmd"] = *config.cmd;
  if (config.shell) value["Shell"] = *config.shell;
  if (config.args_escaped) value["ArgsEscaped"] = true;
  if (config.healthcheck) {
    json check{{"Test", config.healthcheck->test}};
    if (config.healthcheck->interval != 0) check["Interval"] = config.healthcheck->interval;
    if (config.healthcheck->timeout != 0) check["Timeout"] = config.healthcheck->timeout;
    if (config.healthcheck->start_period != 0) check["StartPeriod"] = config.healthcheck->start_period;
    if (config.healthcheck->start_interval != 0) check["StartInterval"] = config.healthcheck->start_interval;
    if (config.healthcheck->retries != 0) check["Retries"] = config.healthcheck->retries;
    value["Healthcheck"] = check;
  }
  for (auto member = value.begin(); member != value.end();) {
    const bool absent = member->is_null() || member->empty() || *member == "";
    member = absent ? value.erase(member) : std::next(member);
  }
  return value;
}

json history_of(const dockerfile::PlatformResult& result) {
  json list = json::array();
  for (std::size_t i = result.base_history; i < result.config.history.size(); ++i) {
    const oci::HistoryEntry& entry = result.config.history[i];
    json one{{"created_by", entry.created_by}};
    if (entry.empty_layer) one["empty_layer"] = true;
    list.push_back(std::move(one));
  }
  return list;
}

/// Empty when the case compiles to the recorded config and history.
std::string difference(const fs::path& directory, const json& expected) {
  test::FixedImageResolver images;
  images.add("localhost:5000/corpus/busybox:latest", test::small_image({"sh"}));
  images.add("localhost:5000/corpus/debian:bookworm", test::small_image({"bash"}));
  std::vector<dockerfile::Warning> warnings;
  auto source =
      std::make_shared<llb::SourceText>(llb::SourceText{"Dockerfile", corpus::read(directory / "Dockerfile")});
  const auto parsed = dockerfile::parse(source, warnings);
  const auto request = request_of(json::parse(corpus::read(directory / "case.json")));
  const dockerfile::FrontendResult compiled = dockerfile::compile(parsed, request, images);
  const dockerfile::PlatformResult& result = compiled.platforms.at(0);
  json config = expected.at("config");
  config.erase("created");
  const json mine = normalised(result.config);
  if (mine != config) return "config " + mine.dump() + "\n  wanted " + config.dump();
  const json history = history_of(result);
  if (history != expected.at("history"))
    return "history " + history.dump() + "\n  wanted " + expected.at("history").dump();
  for (std::size_t i = result.base_history; i < result.config.history.size(); ++i) {
    if (result.config.history[i].comment != "buildkit.dockerfile.v0") return "a history entry without comment";
  }
  return {};
}

/// Errors that show only when the build runs: missing files, failing commands, ...
bool fails_later(const std::string& error) {
  for (const char* part :
       {"failed to compute cache key", "did not complete successfully", "cannot copy to non-directory",
        "cannot replace to directory", "illegal exclusion pattern"}) {
    if (error.find(part) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("the corpus' build cases have BuildKit's config and history") {
  if (!corpus::present("build")) return;
  const fs::path root = corpus::path("build");
  int cases = 0, good = 0;
  for (const auto& entry : fs::directory_iterator(root)) {
    const json expected = json::parse(corpus::read(entry.path() / "expected.json"));
    if (expected.at("result") != "success" || expected.contains("disputed")) continue;
    ++cases;
    const std::string name = entry.path().filename().string();
    std::string problem;
    try {
      problem = difference(entry.path(), expected);
    } catch (const std::exception& error) {
      problem = std::string("error: ") + error.what();
    }
    if (problem.empty()) ++good;
    CHECK_MESSAGE(problem.empty(), name << ": " << problem);
  }
  MESSAGE("corpus: " << good << " of " << cases << " build cases have the recorded config and history");
}

TEST_CASE("the corpus' wrong Dockerfiles are refused") {
  if (!corpus::present("build")) return;
  const fs::path root = corpus::path("build");
  for (const auto& entry : fs::directory_iterator(root)) {
    const json expected = json::parse(corpus::read(entry.path() / "expected.json"));
    if (expected.at("result") != "error" || fails_later(expected.value("error", ""))) continue;
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    CHECK_THROWS_AS(difference(entry.path(), expected), const util::Error&);
  }
}

namespace {

/// Every image exists and is small.
class AnyImage final : public oci::ImageResolver {
 public:
  oci::ResolvedImage resolve(const oci::ImageLocation& location, const oci::Platform& platform) override {
    return {location, util::sha256_of(location.reference + platform.to_string()), util::sha256_of(location.reference),
            test::small_image()};
  }
};

}  // namespace

TEST_CASE("Dockerfiles that people build compile, all stages of them, or say what they miss") {
  if (!corpus::present("real/index.json")) return;
  int compiled = 0, files = 0;
  for (const json& entry : corpus::read_json("real/index.json")) {
    const std::string name = entry.at("file");
    CAPTURE(name);
    std::vector<dockerfile::Warning> warnings;
    auto source =
        std::make_shared<llb::SourceText>(llb::SourceText{"Dockerfile", corpus::read(corpus::path("real") / name)});
    const auto parsed = dockerfile::parse(source, warnings);
    dockerfile::FrontendRequest request = request_of(json{{"args", json::object()}});
    request.all_stages = true;
    AnyImage images;
    ++files;
    try {
      dockerfile::compile(parsed, request, images);
      ++compiled;
    } catch (const dockerfile::DockerfileError& error) {
      // Some demand build arguments; the place has to be told.
      INFO(error.message());
      CHECK_FALSE(error.location().ranges.empty());
    }
  }
  CHECK(compiled >= files - 1);
  MESSAGE("corpus: " << compiled << " of " << files << " files compile without build arguments");
}
