#include "tools/images/image_diff.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "util/json.h"
#include "util/text.h"

namespace builder {
namespace {

using Json = nlohmann::ordered_json;
using Item = cache::MergedListing::Item;

/// Members of the config by their names, those of Env, Labels, … each on their own.
std::map<std::string, nlohmann::json> config_fields(const std::string& text) {
  std::map<std::string, nlohmann::json> fields;
  const nlohmann::json whole = util::parse_json(text, "image config");
  for (const char* name : {"architecture", "variant", "os", "author"}) {
    if (whole.is_object() && whole.contains(name)) fields[name] = whole[name];
  }
  const auto config = whole.is_object() ? whole.find("config") : whole.end();
  if (!whole.is_object() || config == whole.end() || !config->is_object()) return fields;
  for (const auto& [name, value] : config->items()) {
    if (value.is_object() && name != "Healthcheck") {
      for (const auto& [member, inner] : value.items()) fields[name + "." + member] = inner;
    } else if (name == "Env" && value.is_array()) {
      for (const nlohmann::json& variable : value) {
        const std::string assignment = variable.is_string() ? variable.get<std::string>() : util::dump_json(variable);
        const std::size_t equals = assignment.find('=');
        fields["Env." + assignment.substr(0, equals)] =
            equals == std::string::npos ? "" : assignment.substr(equals + 1);
      }
    } else if (!value.is_null()) {
      fields[name] = value;
    }
  }
  return fields;
}

Json diff_configs(const std::string& from, const std::string& to) {
  const auto old_fields = config_fields(from), new_fields = config_fields(to);
  std::set<std::string> names;
  for (const auto& [name, value] : old_fields) names.insert(name);
  for (const auto& [name, value] : new_fields) names.insert(name);
  Json changes = Json::array();
  for (const std::string& name : names) {
    const auto before = old_fields.find(name), after = new_fields.find(name);
    const nlohmann::json was = before == old_fields.end() ? nlohmann::json() : before->second;
    const nlohmann::json is = after == new_fields.end() ? nlohmann::json() : after->second;
    if (was == is) continue;
    Json change;
    change["Field"] = name;
    change["From"] = was;
    change["To"] = is;
    changes.push_back(std::move(change));
  }
  return changes;
}

Json layer_object(const DiffLayer& layer) {
  Json object;
  object["Digest"] = layer.diff_id.to_string();
  object["CreatedBy"] = layer.created_by;
  object["Size"] = layer.size;
  return object;
}

std::size_t common_layers(const DiffSide& from, const DiffSide& to) {
  std::size_t count = 0;
  while (count < from.layers.size() && count < to.layers.size() &&
         from.layers[count].diff_id == to.layers[count].diff_id)
    ++count;
  return count;
}

Json diff_layers(const DiffSide& from, const DiffSide& to) {
  const std::size_t common = common_layers(from, to);
  Json layers;
  layers["Common"] = common;
  layers["Removed"] = Json::array();
  layers["Added"] = Json::array();
  for (std::size_t i = common; i < from.layers.size(); ++i) layers["Removed"].push_back(layer_object(from.layers[i]));
  for (std::size_t i = common; i < to.layers.size(); ++i) layers["Added"].push_back(layer_object(to.layers[i]));
  return layers;
}

Json differences(const oci::LayerEntry& a, const oci::LayerEntry& b) {
  Json what = Json::array();
  if (a.type != b.type) what.push_back("type");
  if (a.type == b.type && a.is_file() && (a.size != b.size || a.content != b.content)) what.push_back("content");
  if (a.mode != b.mode) what.push_back("mode");
  if (a.uid != b.uid || a.gid != b.gid) what.push_back("owner");
  if (a.link_target != b.link_target) what.push_back("target");
  if (a.xattrs != b.xattrs) what.push_back("xattrs");
  if (a.device_major != b.device_major || a.device_minor != b.device_minor) what.push_back("device");
  return what;
}

/// The uppermost layer that deletes `path`, or a directory above it, or hides what was in one.
const DiffLayer* deleting_layer(const DiffSide& side, std::size_t first, const std::string& path) {
  using Kind = oci::LayerEntry::Kind;
  for (std::size_t i = side.layers.size(); i-- > first;) {
    for (const oci::LayerEntry& entry : *side.layers[i].listing) {
      const bool above =
          path.starts_with(entry.path) && path.size() > entry.path.size() && path[entry.path.size()] == '/';
      const bool replaced = above && entry.kind == Kind::node && !entry.is_directory();
      if ((entry.kind == Kind::whiteout && (above || entry.path == path)) || (entry.kind == Kind::opaque && above) ||
          replaced)
        return &side.layers[i];
    }
  }
  return nullptr;
}

struct Merged {
  explicit Merged(const DiffSide& side) : listing(listings(side)) {
    for (const Item& item : listing.items()) by_path[item.entry->path] = &item;
  }
  static std::vector<cache::Listing> listings(const DiffSide& side) {
    std::vector<cache::Listing> all;
    for (const DiffLayer& layer : side.layers) all.push_back(layer.listing);
    return all;
  }
  cache::MergedListing listing;
  std::map<std::string_view, const Item*> by_path;
};

Json file_change(const std::string& path, const char* kind, Json what, const oci::LayerEntry* from,
                 const oci::LayerEntry* to, const DiffLayer& by) {
  Json change;
  change["Path"] = "/" + path;
  change["Change"] = kind;
  change["What"] = std::move(what);
  change["From"] = from != nullptr ? Json(from->size) : Json();
  change["To"] = to != nullptr ? Json(to->size) : Json();
  change["Layer"] = by.diff_id.to_string();
  change["CreatedBy"] = by.created_by;
  return change;
}

Json diff_files(const DiffSide& from, const DiffSide& to) {
  const Merged before(from), after(to);
  const std::size_t common = common_layers(from, to);
  std::vector<Json> changes;
  for (const auto& [path, item] : after.by_path) {
    const auto old = before.by_path.find(path);
    const DiffLayer& layer = to.layers[item->layer];
    if (old == before.by_path.end()) {
      changes.push_back(file_change(std::string(path), "added", Json::array(), nullptr, item->entry, layer));
      continue;
    }
    if (item->layer < common && old->second->layer == item->layer) continue;
    Json what = differences(*old->second->entry, *item->entry);
    if (!what.empty())
      changes.push_back(
          file_change(std::string(path), "changed", std::move(what), old->second->entry, item->entry, layer));
  }
  for (const auto& [path, item] : before.by_path) {
    if (after.by_path.contains(path)) continue;
    const DiffLayer* by = deleting_layer(to, common, std::string(path));
    changes.push_back(file_change(std::string(path), "removed", Json::array(), item->entry, nullptr,
                                  by != nullptr ? *by : from.layers[item->layer]));
  }
  std::ranges::sort(changes, [](const Json& a, const Json& b) {
    return a["Path"].get_ref<const std::string&>() < b["Path"].get_ref<const std::string&>();
  });
  return changes;
}

Json side_object(const DiffSide& side) {
  Json object;
  object["Name"] = side.name;
  object["Id"] = side.id.to_string();
  return object;
}

/// The instruction of each layer: history entries without a layer are skipped.
std::vector<std::string> instructions(const oci::ImageConfig& config) {
  std::vector<std::string> made_by;
  for (const oci::HistoryEntry& entry : config.history) {
    if (!entry.empty_layer) made_by.push_back(entry.created_by);
  }
  return made_by;
}

cache::LayerId known_layer(cache::CacheDir& cache, const oci::Descriptor& blob, const util::Digest& diff_id) {
  if (const auto packed = cache.records().find_blob(blob.digest); packed && cache.layers().contains(packed->layer))
    return packed->layer;
  if (!cache.layers().contains(diff_id)) cache.layers().add_remote(diff_id, blob, "");
  return diff_id;
}

}  // namespace

DiffSide load_diff_side(const ImageView& view, cache::CacheDir& cache, const std::string& name,
                        const std::string& platform, std::stop_token stop) {
  const PlatformImage& image = view.find_platform(name, platform);
  DiffSide side;
  side.name = name;
  side.id = image.config.digest;
  side.config = view.config_text(image);
  const oci::ImageConfig config = oci::image_config_from_json(side.config);
  const std::vector<std::string> made_by = instructions(config);
  if (config.diff_ids.size() != image.layers.size()) {
    throw util::Error("compare image `" + name + "`: its config and its manifest name different numbers of layers");
  }
  for (std::size_t i = 0; i != image.layers.size(); ++i) {
    DiffLayer layer;
    layer.blob = image.layers[i];
    layer.diff_id = config.diff_ids[i];
    layer.created_by = i < made_by.size() ? made_by[i] : "";
    layer.listing = cache.layers().listing(known_layer(cache, layer.blob, layer.diff_id), stop);
    layer.size = view.layer_size(layer.blob, layer.diff_id);
    side.layers.push_back(std::move(layer));
  }
  return side;
}

Json diff_images(const DiffSide& from, const DiffSide& to) {
  Json diff;
  diff["From"] = side_object(from);
  diff["To"] = side_object(to);
  diff["Config"] = diff_configs(from.config, to.config);
  diff["Layers"] = diff_layers(from, to);
  diff["Files"] = diff_files(from, to);
  return diff;
}

bool has_differences(const Json& diff) {
  return !diff["Config"].empty() || !diff["Files"].empty() || !diff["Layers"]["Added"].empty() ||
         !diff["Layers"]["Removed"].empty();
}

}  // namespace builder
