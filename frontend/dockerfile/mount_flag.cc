#include "frontend/dockerfile/mount_flag.h"

#include <array>
#include <limits>
#include <utility>

#include "frontend/dockerfile/csv.h"
#include "frontend/dockerfile/suggestion.h"
#include "util/error.h"
#include "util/text.h"

namespace dockerfile {

namespace {

using llb::MountType;

constexpr std::array<std::pair<std::string_view, MountType>, 5> kTypes = {{{"bind", MountType::bind},
                                                                           {"cache", MountType::cache},
                                                                           {"tmpfs", MountType::tmpfs},
                                                                           {"secret", MountType::secret},
                                                                           {"ssh", MountType::ssh}}};
constexpr std::array<std::pair<std::string_view, llb::Sharing>, 3> kSharing = {
    {{"shared", llb::Sharing::shared}, {"private", llb::Sharing::private_}, {"locked", llb::Sharing::locked}}};

template <typename Table>
std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& entry : table) names.emplace_back(entry.first);
  return names;
}

template <typename Table>
auto find_word(const Table& table, std::string_view what, const std::string& text) {
  std::string word = util::to_lower(text);
  for (const auto& [name, value] : table) {
    if (name == word) return value;
  }
  throw util::Error(
      "unsupported " + std::string(what) + " " + util::quote(text) + suggestion_text(word, names_of(table)),
      "known are " + util::join(names_of(table), ", "));
}

std::string_view type_name(MountType type) {
  for (const auto& [name, value] : kTypes) {
    if (value == type) return name;
  }
  return {};
}

bool parse_boolean(const std::string& key, const std::string& value) {
  for (std::string_view word : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (value == word) return true;
  }
  for (std::string_view word : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (value == word) return false;
  }
  throw util::Error("invalid value for " + key + ": " + value, "use true or false");
}

std::uint32_t parse_number(const std::string& key, const std::string& text, unsigned base) {
  std::uint64_t value = 0;
  bool valid = !text.empty();
  for (char c : text) {
    valid = valid && c >= '0' && c < static_cast<char>('0' + base);
    if (!valid) break;
    value = value * base + static_cast<std::uint64_t>(c - '0');
    valid = value <= std::numeric_limits<std::uint32_t>::max();
  }
  if (!valid) {
    throw util::Error("invalid value " + text + " for " + key, base == 8 ? "give octal digits" : "give a number");
  }
  return static_cast<std::uint32_t>(value);
}

bool has_variable(std::string_view text) {
  std::size_t dollar = text.find('$');
  return dollar != std::string_view::npos && dollar + 1 < text.size();
}

/// path.Clean of Go: no ".", no empty elements, ".." resolved where something is before it.
std::string clean_path(std::string_view path) {
  std::vector<std::string> kept;
  bool absolute = path.starts_with('/');
  for (std::string& element : util::split(path, '/')) {
    if (element.empty() || element == ".") continue;
    if (element != "..") {
      kept.push_back(std::move(element));
    } else if (!kept.empty() && kept.back() != "..") {
      kept.pop_back();
    } else if (!absolute) {
      kept.push_back(std::move(element));
    }
  }
  std::string cleaned = (absolute ? "/" : "") + util::join(kept, "/");
  return cleaned.empty() ? "." : cleaned;
}

std::string base_of(std::string_view path) {
  std::string cleaned = clean_path(path);
  return cleaned == "/" ? cleaned : cleaned.substr(cleaned.rfind('/') + 1);
}

struct Field {
  std::string key;  ///< lower case
  std::string value;
  bool has_value = false;
  std::string text;
};

std::vector<Field> parse_fields(std::string_view text) {
  std::vector<Field> fields;
  for (std::string& word : parse_csv_record(text)) {
    Field field;
    std::size_t equals = word.find('=');
    field.key = util::to_lower(std::string_view(word).substr(0, equals));
    field.has_value = equals != std::string::npos;
    if (field.has_value) field.value = word.substr(equals + 1);
    field.text = std::move(word);
    if (field.has_value && field.key == "from" && has_variable(field.value)) {
      throw util::Error("'from' doesn't support variable expansion, define alias stage instead");
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

/// Takes the fields one after the other; what a key means may depend on the type given before it.
class MountReader {
 public:
  void read(const Field& field) {
    if (!field.has_value) {
      read_word(field);
    } else if (!read_place(field) && !read_access(field) && !read_owner(field)) {
      throw util::Error("unexpected key '" + field.key + "' in '" + field.text + "'" +
                        suggestion_text(field.key, {known_, std::size(known_)}));
    }
  }

  MountFlag finish() {
    check_allowed();
    if (!read_only_given_) spec().read_only = spec().type != MountType::cache && spec().type != MountType::tmpfs;
    if (spec().type == MountType::secret) finish_secret();
    if (spec().type == MountType::ssh) finish_ssh();
    if (spec().type == MountType::cache) finish_cache();
    mount_.has_target = !spec().target.empty();
    return std::move(mount_);
  }

 private:
  llb::MountSpec& spec() { return mount_.spec; }

  void require_type(const Field& field, bool allowed) {
    if (allowed) return;
    throw util::Error("unexpected key '" + field.key + "' for mount type '" + std::string(type_name(spec().type)) +
                      "'");
  }

  void set_read_only(bool value) {
    spec().read_only = value;
    read_only_given_ = true;
  }

  bool is_secret_or_ssh() { return spec().type == MountType::secret || spec().type == MountType::ssh; }

  void read_word(const Field& field) {
    if (field.key == "readonly" || field.key == "ro") {
      set_read_only(true);
    } else if (field.key == "readwrite" || field.key == "rw") {
      set_read_only(false);
    } else if (field.key == "required") {
      require_type(field, is_secret_or_ssh());
      spec().required = true;
    } else {
      throw util::Error("invalid field '" + field.text + "' must be a key=value pair");
    }
  }

  bool read_place(const Field& field) {
    if (field.key == "type") {
      spec().type = find_word(kTypes, "mount type", field.value);
    } else if (field.key == "from") {
      mount_.from = field.value;
    } else if (field.key == "source" || field.key == "src") {
      spec().source = field.value;
    } else if (field.key == "target" || field.key == "dst" || field.key == "destination") {
      spec().target = field.value;
    } else if (field.key == "id") {
      spec().id = field.value;
    } else if (field.key == "env") {
      env_ = field.value;
    } else {
      return false;
    }
    return true;
  }

  bool read_access(const Field& field) {
    if (field.key == "readonly" || field.key == "ro") {
      set_read_only(parse_boolean(field.key, field.value));
    } else if (field.key == "readwrite" || field.key == "rw") {
      set_read_only(!parse_boolean(field.key, field.value));
    } else if (field.key == "required") {
      require_type(field, is_secret_or_ssh());
      spec().required = parse_boolean(field.key, field.value);
    } else if (field.key == "size") {
      require_type(field, spec().type == MountType::tmpfs);
      std::optional<std::uint64_t> size = util::parse_size(field.value);
      if (!size) throw util::Error("invalid value for size: " + field.value, "for example 64m or 2g");
      spec().size = *size;
    } else if (field.key == "sharing") {
      sharing_ = find_word(kSharing, "sharing value", field.value);
    } else {
      return false;
    }
    return true;
  }

  bool read_owner(const Field& field) {
    if (field.key == "mode") {
      spec().mode = parse_number(field.key, field.value, 8);
    } else if (field.key == "uid") {
      uid_ = parse_number(field.key, field.value, 10);
    } else if (field.key == "gid") {
      gid_ = parse_number(field.key, field.value, 10);
    } else {
      return false;
    }
    return true;
  }

  void check_allowed() {
    MountType type = spec().type;
    std::string name(type_name(type));
    bool owned = type == MountType::secret || type == MountType::ssh || type == MountType::cache;
    auto refuse = [&](bool given, std::string_view key) {
      if (given && !owned) throw util::Error(std::string(key) + " not allowed for '" + name + "' type mounts");
    };
    refuse(spec().mode.has_value(), "mode");
    refuse(uid_.has_value(), "uid");
    refuse(gid_.has_value(), "gid");
    if (type == MountType::secret && !mount_.from.empty()) throw util::Error("secret mount should not have a from");
    if (type == MountType::secret && sharing_) throw util::Error("secret mount should not define sharing");
    if (sharing_ && type != MountType::cache) throw util::Error("invalid cache sharing set for " + name + " mount");
    if (env_ && type != MountType::secret) throw util::Error("unexpected key 'env' for mount type '" + name + "'");
    spec().uid = uid_.value_or(0);
    spec().gid = gid_.value_or(0);
    spec().env = env_.value_or("");
  }

  void finish_secret() {
    if (!spec().source.empty() && !spec().id.empty()) throw util::Error("both source and id can't be set");
    if (!spec().source.empty()) spec().id = std::exchange(spec().source, {});
    if (spec().id.empty() && spec().target.empty()) {
      throw util::Error("invalid secret mount: one of id, source, target required");
    }
    if (spec().id.empty()) spec().id = base_of(spec().target);
    if (spec().target.empty() && !env_) spec().target = "/run/secrets/" + base_of(spec().id);
    if (!spec().mode) spec().mode = 0400;
  }

  void finish_ssh() {
    if (!spec().source.empty()) throw util::Error("ssh mount does not support source");
    if (spec().id.empty()) spec().id = "default";
    if (!spec().mode) spec().mode = 0600;
  }

  void finish_cache() {
    if (spec().id.empty()) spec().id = clean_path(spec().target);
    spec().sharing = sharing_.value_or(llb::Sharing::shared);
    if (!spec().mode) spec().mode = 0755;
  }

  inline static const std::string known_[] = {"type",     "from", "source", "target", "readonly", "id",  "sharing",
                                              "required", "mode", "uid",    "gid",    "src",      "dst", "destination",
                                              "ro",       "rw",   "size",   "env",    "readwrite"};
  MountFlag mount_;
  bool read_only_given_ = false;
  std::optional<llb::Sharing> sharing_;
  std::optional<std::string> env_;
  std::optional<std::uint32_t> uid_, gid_;
};

}  // namespace

MountFlag parse_mount_flag(std::string_view text, const std::function<std::string(std::string_view)>& expand) {
  MountReader reader;
  for (Field& field : parse_fields(text)) {
    if (field.has_value && field.key != "from" && expand) field.value = expand(field.value);
    reader.read(field);
  }
  return reader.finish();
}

void check_mount_flag(std::string_view text) {
  parse_fields(text);
}

llb::Device parse_device_flag(std::string_view text) {
  llb::Device device;
  bool first = true;
  for (const std::string& word : parse_csv_record(text)) {
    std::size_t equals = word.find('=');
    std::string key = util::to_lower(std::string_view(word).substr(0, equals));
    if (key == "required") {
      device.required = equals == std::string::npos || parse_boolean(key, word.substr(equals + 1));
    } else if (key == "name" && equals != std::string::npos) {
      device.name = word.substr(equals + 1);
    } else if (first) {
      // A qualified name has a '=' of its own: vendor/class=device.
      device.name = word;
    } else {
      const std::string known[] = {"name", "required"};
      throw util::Error("unexpected key '" + key + "' in '" + word + "'" + suggestion_text(key, known));
    }
    first = false;
  }
  if (device.name.empty()) throw util::Error("device has no name");
  return device;
}

}  // namespace dockerfile
