#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "tools/format/table.h"
#include "tools/images/image_diff.h"
#include "util/text.h"

namespace builder {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kInstructionLetters = 100;

std::string short_digest(const Json& digest) {
  const std::string text = digest.get<std::string>();
  return text.substr(text.find(':') + 1, 12);
}

std::string value_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string instruction(const Json& object) {
  const std::string text = util::replace_all(object["CreatedBy"].get<std::string>(), "\n", " ");
  return text.empty() ? "(unknown instruction)" : format::shorten(text, kInstructionLetters);
}

std::string describe_config(const Json& changes) {
  std::string out = "Config:" + std::string(changes.empty() ? " the same\n" : "\n");
  for (const Json& change : changes) {
    const std::string name = change["Field"].get<std::string>();
    if (change["From"].is_null()) {
      out += fmt::format("  + {}: {}\n", name, value_text(change["To"]));
    } else if (change["To"].is_null()) {
      out += fmt::format("  - {}: {}\n", name, value_text(change["From"]));
    } else {
      out += fmt::format("  ~ {}: {} -> {}\n", name, value_text(change["From"]), value_text(change["To"]));
    }
  }
  return out;
}

std::string describe_layers(const Json& layers) {
  std::string out = fmt::format("Layers: {} in common\n", layers["Common"].get<std::size_t>());
  for (const auto& [list, sign] : {std::pair("Removed", '-'), std::pair("Added", '+')}) {
    for (const Json& layer : layers[list]) {
      out += fmt::format("  {} {}  {:>7}  {}\n", sign, short_digest(layer["Digest"]),
                         util::human_size(layer["Size"].get<std::uint64_t>()), instruction(layer));
    }
  }
  return out;
}

std::string describe_file(const Json& file) {
  const std::string change = file["Change"].get<std::string>();
  std::string line = fmt::format("    {} {}",
                                 change == "added"     ? 'A'
                                 : change == "changed" ? 'C'
                                                       : 'D',
                                 file["Path"].get<std::string>());
  if (change == "changed") {
    line += "  (" + util::join(file["What"].get<std::vector<std::string>>(), ", ") + ")";
    if (file["From"] != file["To"])
      line += fmt::format("  {} -> {}", util::human_size(file["From"].get<std::uint64_t>()),
                          util::human_size(file["To"].get<std::uint64_t>()));
  } else if (change == "added" && file["To"] != 0) {
    line += "  " + util::human_size(file["To"].get<std::uint64_t>());
  }
  return line + "\n";
}

/// Files below the layer that is behind them, layers in the order of the image.
std::string describe_files(const Json& diff) {
  std::map<std::string, std::size_t> counts;
  std::map<std::string, std::string> by_layer;
  for (const Json& file : diff["Files"]) {
    ++counts[file["Change"].get<std::string>()];
    by_layer[file["Layer"].get<std::string>()] += describe_file(file);
  }
  if (diff["Files"].empty()) return "Files: the same\n";
  std::string out =
      fmt::format("Files: {} added, {} changed, {} removed\n", counts["added"], counts["changed"], counts["removed"]);
  for (const char* list : {"Removed", "Added"}) {
    for (const Json& layer : diff["Layers"][list]) {
      const auto files = by_layer.find(layer["Digest"].get<std::string>());
      if (files == by_layer.end()) continue;
      out += fmt::format("  {}{}\n{}", std::string_view(list) == "Removed" ? "without " : "", instruction(layer),
                         files->second);
      by_layer.erase(files);
    }
  }
  for (const auto& [layer, files] : by_layer) out += "  " + layer + "\n" + files;
  return out;
}

}  // namespace

std::string describe_diff(const Json& diff) {
  std::string out = fmt::format("--- {} ({})\n+++ {} ({})\n", diff["From"]["Name"].get<std::string>(),
                                short_digest(diff["From"]["Id"]), diff["To"]["Name"].get<std::string>(),
                                short_digest(diff["To"]["Id"]));
  return out + describe_config(diff["Config"]) + describe_layers(diff["Layers"]) + describe_files(diff);
}

}  // namespace builder
