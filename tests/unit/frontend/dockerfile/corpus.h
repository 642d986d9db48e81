#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

// Access to the conformance corpus; its tests pass with a message where it is not there.
namespace corpus {

inline std::filesystem::path path(const std::string& name) {
  return std::filesystem::path(CORPUS_DIR) / name;
}

inline bool present(const std::string& name) {
  if (std::filesystem::exists(path(name))) return true;
  MESSAGE("skipped: no corpus at " << path(name).string());
  return false;
}

inline std::string read(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

inline nlohmann::json read_json(const std::string& name) {
  return nlohmann::json::parse(read(path(name)));
}

}  // namespace corpus
