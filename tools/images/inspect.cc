#include "tools/images/inspect.h"

#include <nlohmann/json.hpp>

#include "util/json.h"

namespace builder {
namespace {

using Json = nlohmann::ordered_json;

std::string familiar(const std::string& name) {
  try {
    return oci::Reference::parse(name).familiar();
  } catch (const util::Error&) {
    return name;
  }
}

/// The config's `config` object as it is stored, with the fields that docker always shows.
Json config_object(const std::string& text) {
  Json shown = {{"User", ""},       {"Env", nullptr},        {"Cmd", nullptr},     {"Volumes", nullptr},
                {"WorkingDir", ""}, {"Entrypoint", nullptr}, {"OnBuild", nullptr}, {"Labels", nullptr}};
  const nlohmann::json whole = util::parse_json(text, "image config");
  const auto found = whole.find("config");
  if (found == whole.end() || !found->is_object()) return shown;
  for (const auto& [name, value] : found->items()) shown[name] = value;
  return shown;
}

}  // namespace

Json inspect_image(const ImageView& view, const LocalImage& image, const PlatformImage& platform) {
  const std::string text = view.config_text(platform);
  const oci::ImageConfig config = oci::image_config_from_json(text);
  Json names = Json::array(), layers = Json::array();
  for (const std::string& name : image.names) names.push_back(familiar(name));
  for (const util::Digest& layer : config.diff_ids) layers.push_back(layer.to_string());
  std::uint64_t size = 0;
  for (const std::uint64_t layer : view.layer_sizes(platform)) size += layer;

  Json shown;
  shown["Id"] = platform.config.digest.to_string();
  shown["RepoTags"] = std::move(names);
  shown["RepoDigests"] = image.repository_digests();
  shown["Parent"] = "";
  shown["Comment"] = config.history.empty() ? "" : config.history.back().comment;
  shown["Created"] = config.created;
  shown["DockerVersion"] = "";
  shown["Author"] = config.author;
  shown["Config"] = config_object(text);
  shown["Architecture"] = config.platform.architecture;
  if (!config.platform.variant.empty()) shown["Variant"] = config.platform.variant;
  shown["Os"] = config.platform.os;
  if (!config.platform.os_version.empty()) shown["OsVersion"] = config.platform.os_version;
  shown["Size"] = size;
  shown["RootFS"] = {{"Type", "layers"}, {"Layers", std::move(layers)}};
  shown["Metadata"] = {{"LastTagTime", "0001-01-01T00:00:00Z"}};
  shown["Descriptor"] = oci::to_ordered_json(image.descriptor);
  return shown;
}

Json optional_fields(const Json& image) {
  const Json list = Json::array(), map = Json::object();
  return {{"RepoTags", {{"ID", image["Id"]}, {"Variant", ""}, {"OsVersion", ""}}},
          {"WorkingDir",
           {{"Cmd", list}, {"Entrypoint", list}, {"Env", list}, {"OnBuild", list}, {"Shell", list}, {"Labels", map}, {"Volumes", map},
            {"ExposedPorts", map}, {"Healthcheck", nullptr}, {"StopSignal", ""}, {"ArgsEscaped", false}}}};
}

}  // namespace builder
