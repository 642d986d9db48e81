#include "solver/ops/cdi.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "util/error.h"
#include "util/fd.h"
#include "util/json.h"
#include "util/log.h"
#include "util/text.h"
#include "util/yaml.h"

namespace ops {
namespace fs = std::filesystem;
using nlohmann::json;
namespace {

constexpr std::size_t kLargestSpec = 16u << 20;
constexpr const char* kAutoAllow = "org.mobyproject.buildkit.device.autoallow";
constexpr const char* kClass = "org.mobyproject.buildkit.device.class";

/// An absent member and null are an empty list.
const json& list_in(const json& object, const char* name) {
  static const json kNone = json::array();
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return kNone;
  if (!found->is_array()) throw util::Error(fmt::format("`{}` is not a list", name));
  return *found;
}

std::string absolute_path(const json& object, const char* name) {
  std::string path = object.at(name).get<std::string>();
  if (!path.starts_with('/')) throw util::Error(fmt::format("`{}` is no absolute path: `{}`", name, path));
  return path;
}

CdiEdits edits_in(const json& owner) {
  CdiEdits edits;
  const auto found = owner.find("containerEdits");
  if (found == owner.end() || found->is_null()) return edits;
  for (const json& variable : list_in(*found, "env")) {
    edits.env.push_back(variable.get<std::string>());
    if (edits.env.back().find('=') == std::string::npos) throw util::Error("`env` has to be NAME=VALUE");
  }
  for (const json& node : list_in(*found, "deviceNodes")) {
    const std::string path = absolute_path(node, "path");
    edits.nodes.push_back({path, node.contains("hostPath") ? absolute_path(node, "hostPath") : path});
  }
  for (const json& mount : list_in(*found, "mounts")) {
    edits.mounts.push_back({absolute_path(mount, "hostPath"), absolute_path(mount, "containerPath"),
                            list_in(mount, "options").get<std::vector<std::string>>()});
  }
  edits.has_hooks = !list_in(*found, "hooks").empty();
  return edits;
}

std::string annotation(const json& owner, const char* name) {
  const auto all = owner.find("annotations");
  if (all == owner.end() || !all->is_object() || !all->contains(name)) return {};
  const json& value = all->at(name);
  return value.is_string() ? value.get<std::string>() : value.dump();
}

json parse(const fs::path& file) {
  const std::string text = util::read_file(file, kLargestSpec);
  return file.extension() == ".json" ? util::parse_json(text, file.string()) : util::parse_yaml(text, file.string());
}

std::vector<fs::path> specs_in(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const fs::path extension = entry->path().extension();
    if (extension == ".json" || extension == ".yaml") files.push_back(entry->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

void CdiDevices::add_spec(const fs::path& file) {
  const json spec = parse(file);
  const std::string kind = spec.at("kind").get<std::string>();
  if (kind.find('/') == std::string::npos) throw util::Error(fmt::format("kind `{}` is not VENDOR/CLASS", kind));
  std::vector<CdiDevice> found;
  for (const json& item : list_in(spec, "devices")) {
    CdiDevice device;
    device.kind = kind;
    device.name = item.at("name").get<std::string>();
    device.device_class = annotation(item, kClass);
    if (device.device_class.empty()) device.device_class = annotation(spec, kClass);
    const std::string allowed = annotation(item, kAutoAllow);
    device.auto_allow = (allowed.empty() ? annotation(spec, kAutoAllow) : allowed) == "true";
    device.edits = edits_in(item);
    device.spec = common_.size();
    found.push_back(std::move(device));
  }
  common_.push_back(edits_in(spec));
  for (CdiDevice& device : found) {
    std::erase_if(devices_, [&](const CdiDevice& old) { return old.qualified_name() == device.qualified_name(); });
    devices_.push_back(std::move(device));
  }
}

CdiDevices CdiDevices::load(std::span<const fs::path> directories) {
  CdiDevices devices;
  for (const fs::path& directory : directories) {
    for (const fs::path& file : specs_in(directory)) {
      try {
        devices.add_spec(file);
      } catch (const util::Error& error) {
        util::log_warning(fmt::format("device specification `{}`: {}", file.string(), error.message()));
      } catch (const json::exception& error) {
        util::log_warning(fmt::format("device specification `{}`: {}", file.string(), error.what()));
      }
    }
  }
  std::sort(devices.devices_.begin(), devices.devices_.end(),
            [](const CdiDevice& a, const CdiDevice& b) { return a.qualified_name() < b.qualified_name(); });
  return devices;
}

std::vector<fs::path> CdiDevices::default_directories() {
  const char* given = std::getenv("BUILDER_CDI_SPEC_DIRS");
  if (given == nullptr) return {"/etc/cdi", "/var/run/cdi"};
  std::vector<fs::path> directories;
  for (const std::string& directory : util::split(given, ':')) {
    if (!directory.empty()) directories.emplace_back(directory);
  }
  return directories;
}

std::vector<const CdiDevice*> CdiDevices::find(std::string_view request) const {
  const auto equals = request.find('=');
  const std::string_view kind = request.substr(0, equals);
  const std::string_view name = equals == std::string_view::npos ? std::string_view() : request.substr(equals + 1);
  std::vector<const CdiDevice*> result;
  if (request.empty()) return result;
  for (const CdiDevice& device : devices_) {
    if (kind.find('/') == std::string_view::npos) {
      if (device.device_class == request) result.push_back(&device);
    } else if (device.kind == kind && (name.empty() || name == "*" || name == device.name)) {
      result.push_back(&device);
      if (name.empty()) break;
    }
  }
  return result;
}

}  // namespace ops
