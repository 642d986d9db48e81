#include "llb/codec.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "util/json.h"

namespace llb {
namespace {

using nlohmann::json;

/// Writes a member unless it has its default, so that new members leave old digests alone.
template <typename T>
void put(json& object, const char* name, const T& value, const T& standard = T{}) {
  if (value != standard) object[name] = value;
}

template <typename T>
void put(json& object, const char* name, const std::optional<T>& value) {
  if (value) object[name] = *value;
}

void put(json& object, const char* name, const util::Digest& value) {
  if (value) object[name] = value.to_string();
}

void put(json& object, const char* name, const std::optional<Owner>& value) {
  if (value) object[name] = value->text;
}

const char* name_of(NetworkMode mode) {
  switch (mode) {
    case NetworkMode::unset:
      return "unset";
    case NetworkMode::host:
      return "host";
    case NetworkMode::none:
      return "none";
  }
  return "";
}

const char* name_of(MountType type) {
  switch (type) {
    case MountType::bind:
      return "bind";
    case MountType::cache:
      return "cache";
    case MountType::tmpfs:
      return "tmpfs";
    case MountType::secret:
      return "secret";
    case MountType::ssh:
      return "ssh";
  }
  return "";
}

const char* name_of(Sharing sharing) {
  switch (sharing) {
    case Sharing::shared:
      return "shared";
    case Sharing::private_:
      return "private";
    case Sharing::locked:
      return "locked";
  }
  return "";
}

json encode(const oci::Platform& platform) {
  json value = platform.to_string();
  if (!platform.os_version.empty()) return {{"platform", value}, {"os.version", platform.os_version}};
  return value;
}

// ---- sources ----

json encode(const ImageSource& op) {
  // The location is where bytes come from, not what they are.
  return {{"type", "image"}, {"manifest", op.manifest.to_string()}, {"platform", encode(op.platform)}};
}

json encode(const LocalSource& op) {
  json value{{"type", "local"}, {"name", op.name}, {"path", op.path}};
  put(value, "exclude", op.exclude);
  return value;
}

json encode(const HttpSource& op) {
  json value{{"type", "http"}, {"url", op.url}, {"filename", op.filename}};
  put(value, "checksum", op.checksum);
  put(value, "mode", op.mode);
  put(value, "uid", op.uid);
  put(value, "gid", op.gid);
  return value;
}

json encode(const GitSource& op) {
  json value{{"type", "git"}, {"remote", op.remote}};
  put(value, "ref", op.ref);
  put(value, "subdir", op.subdir);
  put(value, "checksum", op.checksum);
  put(value, "keep_git_dir", op.keep_git_dir);
  put(value, "skip_submodules", op.skip_submodules);
  put(value, "commit_time", op.commit_time);
  return value;
}

// ---- exec ----

json encode(const MountSpec& mount) {
  json value{{"type", name_of(mount.type)}};
  put(value, "target", mount.target);
  put(value, "input", mount.input, -1);
  put(value, "source", mount.source);
  put(value, "read_only", mount.read_only);
  put(value, "id", mount.id);
  if (mount.sharing != Sharing::shared) value["sharing"] = name_of(mount.sharing);
  put(value, "mode", mount.mode);
  put(value, "uid", mount.uid);
  put(value, "gid", mount.gid);
  put(value, "required", mount.required);
  put(value, "env", mount.env);
  put(value, "size", mount.size);
  return value;
}

void encode_surroundings(json& value, const ExecOp& op) {
  json hosts = json::array();
  for (const HostEntry& host : op.extra_hosts) hosts.push_back(host.host);
  if (!hosts.empty()) value["extra_hosts"] = std::move(hosts);
  json limits = json::array();
  for (const Ulimit& limit : op.ulimits) limits.push_back({limit.name, limit.soft, limit.hard});
  if (!limits.empty()) value["ulimits"] = std::move(limits);
  json devices = json::array();
  for (const Device& device : op.devices) devices.push_back({{"name", device.name}, {"required", device.required}});
  if (!devices.empty()) value["devices"] = std::move(devices);
  put(value, "shm_size", op.shm_size);
  put(value, "cgroup_parent", op.cgroup_parent);
}

json encode(const ExecOp& op) {
  static const ExecOp standard;
  json value{{"type", "exec"}, {"args", op.args}, {"platform", encode(op.platform)}};
  put(value, "env", op.env);
  put(value, "cwd", op.cwd, standard.cwd);
  put(value, "user", op.user);
  put(value, "hostname", op.hostname, standard.hostname);
  if (op.network != NetworkMode::unset) value["network"] = name_of(op.network);
  if (op.security == SecurityMode::insecure) value["security"] = "insecure";
  json mounts = json::array();
  for (const MountSpec& mount : op.mounts) mounts.push_back(encode(mount));
  if (!mounts.empty()) value["mounts"] = std::move(mounts);
  encode_surroundings(value, op);
  put(value, "scripts", op.scripts);
  return value;
}

// ---- file ----

json encode(const CopyAction& action) {
  static const CopyAction standard;
  json value{{"action", "copy"}, {"source", action.source}, {"destination", action.destination}};
  put(value, "input", action.input, standard.input);
  put(value, "owner", action.owner);
  put(value, "mode", action.mode);
  put(value, "exclude", action.exclude);
  put(value, "allow_wildcard", action.allow_wildcard, standard.allow_wildcard);
  put(value, "allow_empty_wildcard", action.allow_empty_wildcard, standard.allow_empty_wildcard);
  put(value, "contents_only", action.contents_only, standard.contents_only);
  put(value, "unpack", action.unpack);
  put(value, "parents", action.parents);
  return value;
}

json encode(const MkdirAction& action) {
  static const MkdirAction standard;
  json value{{"action", "mkdir"}, {"path", action.path}};
  put(value, "mode", action.mode, standard.mode);
  put(value, "make_parents", action.make_parents, standard.make_parents);
  put(value, "owner", action.owner);
  put(value, "mtime", action.mtime);
  return value;
}

json encode(const MkfileAction& action) {
  static const MkfileAction standard;
  json value{{"action", "mkfile"}, {"path", action.path}, {"data", action.data}};
  put(value, "name", action.name);
  put(value, "mode", action.mode, standard.mode);
  put(value, "mode_text", action.mode_text);
  put(value, "owner", action.owner);
  return value;
}

json encode(const RemoveAction& action) {
  json value{{"action", "remove"}, {"path", action.path}};
  put(value, "allow_missing", action.allow_missing, true);
  return value;
}

json encode(const SymlinkAction& action) {
  return {{"action", "symlink"}, {"target", action.target}, {"path", action.path}};
}

json encode(const FileOp& op) {
  json actions = json::array();
  for (const FileAction& action : op.actions) {
    actions.push_back(std::visit([](const auto& one) { return encode(one); }, action));
  }
  return {{"type", "file"}, {"actions", std::move(actions)}};
}

json encode(const MergeOp&) {
  return {{"type", "merge"}};
}
json encode(const DiffOp&) {
  return {{"type", "diff"}};
}

json encode(const Op& op) {
  return std::visit([](const auto& one) { return encode(one); }, op);
}

/// Text of a dot label: quotes, backslashes and line ends escaped.
std::string dot_label(std::string_view text) {
  std::string label;
  for (const char c : text) {
    if (c == '"' || c == '\\') label += '\\';
    if (c == '\n') {
      label += "\\n";
    } else if (c != '\r') {
      label += c;
    }
  }
  return label;
}

std::string shown_name(const Vertex& vertex) {
  return vertex.meta().name.empty() ? vertex.digest().short_hex() : vertex.meta().name;
}

}  // namespace

std::string canonical_json(const Op& op) {
  const json value = encode(op);
  try {
    return value.dump();
  } catch (const json::type_error&) {
    // Bytes that are no UTF-8 (a Dockerfile may hold any): JSON cannot carry them as they are, and replacing them would
    // let different ops collide. The binary form keeps them.
    std::string bytes;
    json::to_msgpack(value, bytes);
    std::string hex = "{\"msgpack\":\"";
    for (const char byte : bytes) hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return hex + "\"}";
  }
}

util::Digest op_digest(const Op& op) {
  util::Hasher hasher("op/1");
  hasher.field("op", canonical_json(op));
  return hasher.finish();
}

std::string dump_json(std::span<const VertexRef> roots) {
  json list = json::array();
  for (const VertexRef& vertex : topological_order(roots)) {
    json inputs = json::array();
    for (const VertexRef& input : vertex->inputs())
      inputs.push_back(input ? json(input->digest().to_string()) : json());
    list.push_back({{"digest", vertex->digest().to_string()},
                    {"name", vertex->meta().name},
                    {"op", encode(vertex->op())},
                    {"inputs", std::move(inputs)}});
  }
  return util::dump_json(list, 2);
}

std::string dump_dot(std::span<const VertexRef> roots) {
  std::string text = "digraph build {\n  node [shape=box];\n";
  for (const VertexRef& vertex : topological_order(roots)) {
    text += fmt::format("  \"{}\" [label=\"{}\"];\n", vertex->digest().short_hex(), dot_label(shown_name(*vertex)));
    for (std::size_t i = 0; i < vertex->inputs().size(); ++i) {
      const VertexRef& input = vertex->inputs()[i];
      if (input == nullptr) continue;
      text += fmt::format("  \"{}\" -> \"{}\" [label=\"{}\"];\n", input->digest().short_hex(),
                          vertex->digest().short_hex(), i);
    }
  }
  return text + "}\n";
}

}  // namespace llb
