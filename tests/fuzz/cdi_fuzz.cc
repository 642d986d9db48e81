#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "solver/ops/cdi.h"
#include "tests/fuzz/scratch.h"
#include "util/check.h"
#include "util/error.h"
#include "util/json.h"
#include "util/yaml.h"

// Input: a CDI specification; it is read as JSON and as YAML.
namespace {

void check_devices(const std::filesystem::path& directory) {
  const std::vector<std::filesystem::path> directories{directory};
  const ops::CdiDevices devices = ops::CdiDevices::load(directories);
  for (const char* request : {"vendor.com/class", "vendor.com/class=*", "vendor.com/class=gpu0", "class", ""}) {
    for (const ops::CdiDevice* device : devices.find(request)) {
      CHECK(!devices.find(device->qualified_name()).empty());
      for (const ops::CdiEdits* edits : {&device->edits, &devices.common_edits(*device)}) {
        for (const auto& node : edits->nodes) CHECK(node.path.starts_with('/') && node.host_path.starts_with('/'));
        for (const std::string& variable : edits->env) CHECK(variable.find('=') != std::string::npos);
      }
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Scratch scratch;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const nlohmann::json value = util::parse_yaml(text, "yaml");
    CHECK(util::parse_json(util::dump_json(value), "json") == value);
  } catch (const util::Error&) {
  }
  for (const char* name : {"json/spec.json", "yaml/spec.yaml"}) check_devices(scratch.write(name, text).parent_path());
  return 0;
}
