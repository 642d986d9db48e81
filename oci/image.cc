#include "oci/image.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "oci/descriptor_json.h"
#include "util/error.h"
#include "util/text.h"

namespace oci {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kAttestation = "vnd.docker.reference.type";
constexpr std::string_view kSchema1 = "application/vnd.docker.distribution.manifest.v1";

constexpr std::array kTopFields = {"architecture", "author", "config",     "created", "history",
                                   "os",           "rootfs", "os.version", "variant", "os.features"};
constexpr std::array kConfigFields = {"User",        "ExposedPorts", "Env",    "Entrypoint", "Cmd",
                                      "Volumes",     "WorkingDir",   "Labels", "StopSignal", "ArgsEscaped",
                                      "Healthcheck", "OnBuild",      "Shell"};
// About the container a classic `docker build` committed, and about the cache of that build: not true of what is built
// on it.
constexpr std::array kStaleTopFields = {
    "container", "container_config", "docker_version",         "id",
    "parent",    "checksum",         "moby.buildkit.cache.v0", "moby.buildkit.buildinfo.v1",
    "Size",      "throwaway"};
constexpr std::array kStaleConfigFields = {"Hostname",     "Domainname", "AttachStdin",     "AttachStdout",
                                           "AttachStderr", "Tty",        "OpenStdin",       "StdinOnce",
                                           "Image",        "MacAddress", "NetworkDisabled", "StopTimeout"};

/// What is left of an object when the known members are taken away; empty when nothing is.
template <typename Known, typename Stale>
std::string unknown_fields(const json& value, const Known& known, const Stale& stale) {
  if (!value.is_object()) return {};
  json rest = value;
  for (const char* name : known) rest.erase(name);
  for (const char* name : stale) rest.erase(name);
  return rest.empty() ? std::string() : write_json(ordered_json(rest));
}

/// Adds the members of a JSON object in text form that are not there yet.
void add_unknown(ordered_json& to, const std::string& text) {
  if (text.empty()) return;
  json fields = parse_object(text, "unknown fields");
  for (const auto& [name, member] : fields.items()) {
    if (!to.contains(name)) to[name] = ordered_json(member);
  }
}

ordered_json set_of(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  ordered_json value = ordered_json::object();
  for (const std::string& name : names) value[name] = ordered_json::object();
  return value;
}

template <typename List>
void add_list(ordered_json& to, const char* name, const List& list) {
  if (!list.empty()) to[name] = list;
}

ordered_json healthcheck_json(const Healthcheck& check) {
  ordered_json value = ordered_json::object();
  add_list(value, "Test", check.test);
  if (check.interval != 0) value["Interval"] = check.interval;
  if (check.timeout != 0) value["Timeout"] = check.timeout;
  if (check.start_period != 0) value["StartPeriod"] = check.start_period;
  if (check.start_interval != 0) value["StartInterval"] = check.start_interval;
  if (check.retries != 0) value["Retries"] = check.retries;
  return value;
}

/// The `config` member, in the field order of image-spec's struct followed by Docker's extensions.
ordered_json run_config_json(const ImageConfig& config) {
  ordered_json value = ordered_json::object();
  if (!config.user.empty()) value["User"] = config.user;
  if (!config.exposed_ports.empty()) value["ExposedPorts"] = set_of(config.exposed_ports);
  add_list(value, "Env", config.env);
  if (config.entrypoint) add_list(value, "Entrypoint", *config.entrypoint);
  if (config.cmd) add_list(value, "Cmd", *config.cmd);
  if (!config.volumes.empty()) value["Volumes"] = set_of(config.volumes);
  if (!config.working_dir.empty()) value["WorkingDir"] = config.working_dir;
  add_list(value, "Labels", config.labels);
  if (!config.stop_signal.empty()) value["StopSignal"] = config.stop_signal;
  if (config.args_escaped) value["ArgsEscaped"] = true;
  if (config.healthcheck) value["Healthcheck"] = healthcheck_json(*config.healthcheck);
  add_list(value, "OnBuild", config.on_build);
  if (config.shell) add_list(value, "Shell", *config.shell);
  add_unknown(value, config.unknown_config);
  return value;
}

ordered_json history_json(const HistoryEntry& entry) {
  ordered_json value = ordered_json::object();
  if (!entry.created.empty()) value["created"] = entry.created;
  if (!entry.created_by.empty()) value["created_by"] = entry.created_by;
  if (!entry.author.empty()) value["author"] = entry.author;
  if (!entry.comment.empty()) value["comment"] = entry.comment;
  if (entry.empty_layer) value["empty_layer"] = true;
  return value;
}

std::optional<std::vector<std::string>> optional_texts(const JsonFields& fields, const char* name) {
  if (!fields.has(name)) return std::nullopt;
  return fields.texts(name);
}

Healthcheck read_healthcheck(const JsonFields& fields) {
  Healthcheck check;
  check.test = fields.texts("Test");
  check.interval = fields.integer("Interval");
  check.timeout = fields.integer("Timeout");
  check.start_period = fields.integer("StartPeriod");
  check.start_interval = fields.integer("StartInterval");
  std::int64_t retries = fields.integer("Retries");
  if (retries < INT32_MIN || retries > INT32_MAX) fields.refuse("Retries", "out of range");
  check.retries = static_cast<int>(retries);
  return check;
}

void read_run_config(ImageConfig& config, const JsonFields& fields) {
  config.user = fields.text("User");
  config.exposed_ports = fields.keys("ExposedPorts");
  config.env = fields.texts("Env");
  config.entrypoint = optional_texts(fields, "Entrypoint");
  config.cmd = optional_texts(fields, "Cmd");
  config.volumes = fields.keys("Volumes");
  config.working_dir = fields.text("WorkingDir");
  config.labels = fields.text_map("Labels");
  config.stop_signal = fields.text("StopSignal");
  config.args_escaped = fields.boolean("ArgsEscaped");
  if (fields.has("Healthcheck")) config.healthcheck = read_healthcheck(fields.object("Healthcheck"));
  config.on_build = fields.texts("OnBuild");
  config.shell = optional_texts(fields, "Shell");
}

}  // namespace

std::string to_json_text(const ImageConfig& config) {
  ordered_json top = ordered_json::object();
  top["architecture"] = config.platform.architecture;
  if (!config.author.empty()) top["author"] = config.author;
  top["config"] = run_config_json(config);
  if (!config.created.empty()) top["created"] = config.created;
  ordered_json history = ordered_json::array();
  for (const HistoryEntry& entry : config.history) history.push_back(history_json(entry));
  top["history"] = std::move(history);
  top["os"] = config.platform.os;
  add_list(top, "os.features", config.os_features);
  if (!config.platform.os_version.empty()) top["os.version"] = config.platform.os_version;
  ordered_json diff_ids = ordered_json::array();
  for (const util::Digest& id : config.diff_ids) diff_ids.push_back(id.to_string());
  top["rootfs"]["type"] = "layers";
  top["rootfs"]["diff_ids"] = std::move(diff_ids);
  if (!config.platform.variant.empty()) top["variant"] = config.platform.variant;
  add_unknown(top, config.unknown_top);

  std::vector<std::string> names;
  for (const auto& item : top.items()) names.push_back(item.key());
  std::sort(names.begin(), names.end());
  ordered_json sorted = ordered_json::object();
  for (const std::string& name : names) sorted[name] = std::move(top[name]);
  return write_json(sorted);
}

ImageConfig image_config_from_json(std::string_view text) {
  json value = parse_object(text, "image config");
  JsonFields fields(value, "image config");
  ImageConfig config;
  config.created = fields.text("created");
  config.author = fields.text("author");
  config.platform = read_platform(fields);
  config.os_features = fields.texts("os.features");
  read_run_config(config, fields.object("config"));
  JsonFields rootfs = fields.object("rootfs");
  for (const std::string& id : rootfs.texts("diff_ids")) {
    auto digest = util::Digest::find(id);
    if (!digest) rootfs.refuse("diff_ids", fmt::format("`{}` is not a digest", id));
    config.diff_ids.push_back(*digest);
  }
  for (const JsonFields& entry : fields.objects("history")) {
    config.history.push_back({entry.text("created"), entry.text("created_by"), entry.text("author"),
                              entry.text("comment"), entry.boolean("empty_layer")});
  }
  config.unknown_top = unknown_fields(value, kTopFields, kStaleTopFields);
  config.unknown_config = unknown_fields(fields.member("config"), kConfigFields, kStaleConfigFields);
  return config;
}

std::string to_json_text(const Manifest& manifest) {
  ordered_json value = ordered_json::object();
  value["schemaVersion"] = 2;
  if (!manifest.media_type.empty()) value["mediaType"] = manifest.media_type;
  value["config"] = to_ordered_json(manifest.config);
  ordered_json layers = ordered_json::array();
  for (const Descriptor& layer : manifest.layers) layers.push_back(to_ordered_json(layer));
  value["layers"] = std::move(layers);
  add_list(value, "annotations", manifest.annotations);
  return write_json(value, 2);
}

Manifest manifest_from_json(std::string_view text) {
  json value = parse_object(text, "manifest");
  JsonFields fields(value, "manifest");
  Manifest manifest;
  manifest.media_type = fields.text("mediaType");
  if (!fields.has("config")) fields.refuse("config", "missing");
  manifest.config = read_descriptor(fields.object("config"));
  for (const JsonFields& layer : fields.objects("layers")) manifest.layers.push_back(read_descriptor(layer));
  manifest.annotations = fields.text_map("annotations");
  return manifest;
}

std::string to_json_text(const ImageIndex& index) {
  ordered_json value = ordered_json::object();
  value["schemaVersion"] = 2;
  if (!index.media_type.empty()) value["mediaType"] = index.media_type;
  ordered_json manifests = ordered_json::array();
  for (const Descriptor& manifest : index.manifests) manifests.push_back(to_ordered_json(manifest));
  value["manifests"] = std::move(manifests);
  add_list(value, "annotations", index.annotations);
  return write_json(value, 2);
}

ImageIndex image_index_from_json(std::string_view text) {
  json value = parse_object(text, "image index");
  JsonFields fields(value, "image index");
  ImageIndex index;
  index.media_type = fields.text("mediaType");
  for (const JsonFields& entry : fields.objects("manifests")) index.manifests.push_back(read_descriptor(entry));
  index.annotations = fields.text_map("annotations");
  return index;
}

std::string manifest_media_type(std::string_view text, std::string_view declared) {
  std::string type = util::to_lower(util::trim(declared.substr(0, declared.find(';'))));
  if (is_index(type) || is_manifest(type)) return type;
  json value = parse_object(text, "manifest");
  JsonFields fields(value, "manifest");
  std::string own = fields.text("mediaType");
  if (type.starts_with(kSchema1) || own.starts_with(kSchema1) || (fields.has("fsLayers") && !fields.has("config"))) {
    throw util::Error("docker image manifest schema 1 is not supported",
                      "push the image again with a current tool, which writes schema 2 or OCI manifests");
  }
  if (is_index(own) || is_manifest(own)) return own;
  if (fields.has("manifests")) return std::string(kOciIndex);
  if (fields.has("config")) return std::string(kOciManifest);
  throw util::Error(fmt::format("unknown manifest type `{}`", own.empty() ? type : own));
}

const Descriptor* select_platform(const ImageIndex& index, const Platform& wanted) {
  const Descriptor* best = nullptr;
  int best_score = 0;
  for (const Descriptor& entry : index.manifests) {
    if (entry.annotations.contains(std::string(kAttestation))) continue;
    // An entry without a platform may be the right one, but any that says so is better.
    int score = entry.platform ? match_score(wanted, *entry.platform) : 1;
    if (score > best_score) {
      best = &entry;
      best_score = score;
    }
  }
  return best;
}

}  // namespace oci
