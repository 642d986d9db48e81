#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "llb/source_map.h"
#include "tests/unit/frontend/dockerfile/compiled.h"

// Each folder of testdata/dockerfile holds a Dockerfile, what the user sees of its error and, when the build is asked
// for with options, request.txt with one `name=value` per line. UPDATE_GOLDEN=1 writes the errors anew.
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

dockerfile::FrontendRequest request_of(const fs::path& folder) {
  auto request = test::request();
  std::istringstream lines(read(folder / "request.txt"));
  for (std::string line; std::getline(lines, line);) {
    const auto equals = line.find('=');
    REQUIRE(equals != std::string::npos);
    const std::string name = line.substr(0, equals);
    const std::string value = line.substr(equals + 1);
    if (name == "target") {
      request.target = value;
    } else if (name == "allow_host_network") {
      request.allow_host_network = value == "true";
    } else if (name.starts_with("arg:")) {
      request.build_args[name.substr(4)] = value;
    } else {
      FAIL("unknown option of a golden case: " << line);
    }
  }
  return request;
}

/// The text that the program prints for an error of the frontend.
std::string seen_by_user(const std::string& text, const dockerfile::FrontendRequest& request) {
  test::FixedImageResolver images;
  images.add("docker.io/library/busybox:latest", test::small_image());
  auto with_triggers = test::small_image();
  with_triggers.on_build = {"RUN true", "ADD --chmod=9 a /b"};
  images.add("docker.io/library/triggers:latest", with_triggers);
  std::string shown;
  try {
    std::vector<dockerfile::Warning> warnings;
    dockerfile::compile(dockerfile::parse(test::source(text), warnings), request, images);
    return "no error\n";
  } catch (const dockerfile::DockerfileError& error) {
    if (error.location().source != nullptr) shown = llb::excerpt(*error.location().source, error.location().ranges);
    if (!shown.empty() && shown.back() != '\n') shown += '\n';
    shown += fmt::format("ERROR: {}\n", error.message());
    if (!error.hint().empty()) shown += fmt::format("hint: {}\n", error.hint());
  } catch (const util::Error& error) {
    shown = fmt::format("ERROR: {}\n", error.message());
    if (!error.hint().empty()) shown += fmt::format("hint: {}\n", error.hint());
  }
  return shown;
}

std::vector<fs::path> cases() {
  std::vector<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(fs::path(TESTDATA_DIR) / "dockerfile")) {
    if (fs::exists(entry.path() / "Dockerfile")) folders.push_back(entry.path());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

}  // namespace

TEST_CASE("every error of a Dockerfile reads as its golden text says") {
  const bool update = std::getenv("UPDATE_GOLDEN") != nullptr;
  const auto folders = cases();
  CHECK(folders.size() >= 60);
  for (const auto& folder : folders) {
    CAPTURE(folder.filename().string());
    const std::string shown = seen_by_user(read(folder / "Dockerfile"), request_of(folder));
    if (update) {
      std::ofstream(folder / "error.txt", std::ios::binary) << shown;
      continue;
    }
    CHECK(shown == read(folder / "error.txt"));
  }
}

TEST_CASE("a line that is too long is told by its number, without an excerpt of its whole length") {
  const std::string shown = seen_by_user("FROM busybox\nRUN echo " + std::string(70000, 'x') + "\n", test::request());
  CHECK(shown.size() < 1000);
  CHECK(shown.find("on line 2: dockerfile line greater than max allowed size of 65535") != std::string::npos);
}
