#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "exporter/annotations.h"
#include "exporter/exporter.h"
#include "util/error.h"
#include "util/text.h"

namespace exporter {
namespace {

using Names = std::vector<std::string>;

const Names& known_types() {
  static const Names types = {"image", "registry", "oci", "docker", "tar", "local", "cacheonly"};
  return types;
}

/// Attributes that every type of image takes.
const Names kImageNames = {"name",
                           "compression",
                           "compression-level",
                           "force-compression",
                           "oci-mediatypes",
                           "annotation",
                           "source-date-epoch",
                           "rewrite-timestamp",
                           "oci-artifact",
                           "attestation-inline",
                           "unpack",
                           "store",
                           "name-canonical",
                           "prefer-nondist-layers",
                           "compatibility-version"};

Names known_attributes(const std::string& type) {
  Names names = {"type"};
  auto add = [&](const Names& more) { names.insert(names.end(), more.begin(), more.end()); };
  if (type == "image" || type == "registry") {
    add(kImageNames);
    add({"push", "push-by-digest", "registry.insecure", "dangling-name-prefix", "danging-name-empty-only"});
  } else if (type == "oci" || type == "docker") {
    add(kImageNames);
    add({"dest", "tar"});
    if (type == "docker") add({"context"});
  } else if (type == "tar") {
    add({"dest", "platform-split", "attestation-prefix", "source-date-epoch"});
  } else if (type == "local") {
    add({"dest", "platform-split", "attestation-prefix", "source-date-epoch", "mode"});
  }
  return names;
}

/// Fields of one CSV line: a field in double quotes may have commas, a doubled quote stands for one.
Names split_csv(const std::string& text) {
  Names fields;
  std::string field;
  std::size_t at = 0;
  auto refuse = [&](std::string_view why) { throw util::Error(fmt::format("parse `{}`: {}", text, why)); };
  for (;;) {
    field.clear();
    if (at < text.size() && text[at] == '"') {
      for (++at;; ++at) {
        if (at >= text.size()) refuse("a quotation mark is missing");
        if (text[at] == '"' && !(at + 1 < text.size() && text[at + 1] == '"')) break;
        if (text[at] == '"') ++at;
        field.push_back(text[at]);
      }
      if (++at < text.size() && text[at] != ',') refuse("text follows a quoted field");
    } else {
      std::size_t comma = std::min(text.find(',', at), text.size());
      field = text.substr(at, comma - at);
      if (field.find('"') != std::string::npos) refuse("a quotation mark in the middle of a field");
      at = comma;
    }
    fields.push_back(field);
    if (at >= text.size()) return fields;
    ++at;
  }
}

bool parse_bool(const std::string& name, const std::string& value) {
  static const Names yes = {"1", "t", "T", "TRUE", "true", "True"};
  static const Names no = {"0", "f", "F", "FALSE", "false", "False"};
  if (std::find(yes.begin(), yes.end(), value) != yes.end()) return true;
  if (std::find(no.begin(), no.end(), value) != no.end()) return false;
  throw util::Error(fmt::format("output attribute `{}`: `{}` is not true or false", name, value));
}

int parse_level(const std::string& value) {
  int level = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), level);
  if (error != std::errc() || end != value.data() + value.size()) {
    throw util::Error(fmt::format("output attribute `compression-level`: `{}` is not a number", value));
  }
  return level;
}

util::Compression parse_compression_name(const std::string& value) {
  if (std::optional<util::Compression> known = util::parse_compression(value)) return *known;
  if (value == "estargz") {
    throw util::Error("output attribute `compression`: estargz is not supported", "use gzip, zstd or uncompressed");
  }
  static const Names names = {"uncompressed", "gzip", "zstd"};
  std::optional<std::string> near = util::suggest(value, names);
  throw util::Error(fmt::format("output attribute `compression`: unknown method `{}`", value),
                    near ? fmt::format("did you mean `{}`?", *near) : "known: uncompressed, gzip, zstd");
}

[[noreturn]] void refuse_attribute(const std::string& name, const std::string& type) {
  Names known = known_attributes(type);
  std::optional<std::string> near = util::suggest(name, known);
  throw util::Error(fmt::format("output of type `{}`: unknown attribute `{}`", type, name),
                    near ? fmt::format("did you mean `{}`?", *near) : "known: " + util::join(known, ", "));
}

/// "annotation.KEY", "annotation-index[linux/amd64].KEY" -> the form of OutputSpec::annotations. nullopt: no
/// annotation.
std::optional<std::string> annotation_key(const std::string& name) {
  constexpr std::string_view kPrefix = "annotation";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  std::string_view rest = std::string_view(name).substr(kPrefix.size());
  std::size_t close = rest.find(']');
  std::size_t dot = rest.find('.', rest.starts_with('.') || close == std::string_view::npos ? 0 : close);
  if (dot == std::string_view::npos || dot + 1 == rest.size()) return std::nullopt;
  std::string target(rest.substr(0, dot)), key(rest.substr(dot + 1));
  if (target.starts_with('-')) target.erase(0, 1);
  if (target.starts_with('[')) target.insert(0, "manifest");
  std::string text = target.empty() ? key : target + ":" + key;
  // A target that is none would be taken for a part of the key.
  if (!target.empty() && parse_annotation_key(text).key != key) return std::nullopt;
  return text;
}

void set_attribute(OutputSpec& spec, const std::string& name, const std::string& value) {
  if (name == "dest") {
    spec.destination = value;
  } else if (name == "name") {
    for (const std::string& part : util::split(value, ',')) {
      if (!part.empty()) spec.names.push_back(part);
    }
  } else if (name == "tar") {
    spec.tar = parse_bool(name, value);
  } else if (name == "push") {
    spec.push = parse_bool(name, value);
  } else if (name == "compression") {
    spec.pack.compression = parse_compression_name(value);
  } else if (name == "compression-level") {
    spec.pack.level = parse_level(value);
  } else if (name == "force-compression") {
    spec.pack.force = value.empty() || parse_bool(name, value);
  } else if (name == "oci-mediatypes") {
    spec.oci_media_types = parse_bool(name, value);
  } else if (name == "push-by-digest" || name == "platform-split" || name == "rewrite-timestamp") {
    spec.other[name] = value.empty() || parse_bool(name, value) ? "true" : "false";
  } else if (name == "registry.insecure" && !value.empty() && !parse_bool(name, value)) {
    return;
  } else if (name == "registry.insecure") {
    throw util::Error("output attribute `registry.insecure`: not known to a single output",
                      "name the registry in the environment variable BUILDER_INSECURE_REGISTRIES");
  } else {
    spec.other[name] = value;
  }
}

void check_mode(const OutputSpec& spec) {
  auto mode = spec.other.find("mode");
  if (mode != spec.other.end() && mode->second != "copy" && mode->second != "delete") {
    throw util::Error(fmt::format("output attribute `mode`: `{}` is neither copy nor delete", mode->second));
  }
}

void check_level(const OutputSpec& spec) {
  if (!spec.pack.level || spec.pack.compression == util::Compression::none) return;
  int highest = spec.pack.compression == util::Compression::zstd ? 22 : 9;
  if (*spec.pack.level < 0 || *spec.pack.level > highest) {
    throw util::Error(fmt::format("output attribute `compression-level`: {} has levels 0 to {}, not {}",
                                  util::to_string(spec.pack.compression), highest, *spec.pack.level));
  }
}

/// What hangs together.
void complete(OutputSpec& spec) {
  if (spec.type == "registry") spec.push = true;
  check_mode(spec);
  check_level(spec);
  if (!spec.oci_media_types && spec.pack.compression == util::Compression::zstd) {
    throw util::Error("output with zstd and `oci-mediatypes=false`: Docker's media types know gzip only",
                      "leave one of the two away");
  }
  if (spec.type == "local" && (spec.destination.empty() || spec.destination == "-")) {
    throw util::Error("output of type `local`: `dest` must be a directory", "write type=local,dest=DIRECTORY");
  }
  bool archive = spec.type == "tar" || spec.type == "oci" || (spec.type == "docker" && !spec.tar);
  if (archive && spec.destination.empty()) spec.destination = "-";
  if (!spec.tar && spec.destination == "-") {
    throw util::Error(fmt::format("output of type `{}` with `tar=false`: `dest` must be a directory", spec.type));
  }
}

std::string find_type(const std::vector<std::pair<std::string, std::string>>& attributes) {
  std::string type;
  for (const auto& [name, value] : attributes) {
    if (name == "type") type = value;
  }
  if (type.empty()) throw util::Error("output: `type` is missing", "known types: " + util::join(known_types(), ", "));
  if (std::find(known_types().begin(), known_types().end(), type) == known_types().end()) {
    std::optional<std::string> near = util::suggest(type, known_types());
    throw util::Error(
        fmt::format("output: unknown type `{}`", type),
        near ? fmt::format("did you mean `{}`?", *near) : "known types: " + util::join(known_types(), ", "));
  }
  return type;
}

}  // namespace

OutputSpec parse_output(const std::string& text) {
  OutputSpec spec;
  if (text.empty()) throw util::Error("output: the value is empty", "known types: " + util::join(known_types(), ", "));
  Names fields = split_csv(text);
  if (text == "-" || (fields.size() == 1 && fields[0] == text && !text.starts_with("type="))) {
    spec.type = text == "-" ? "tar" : "local";
    spec.destination = text;
    return spec;
  }
  std::vector<std::pair<std::string, std::string>> attributes;
  for (const std::string& field : fields) {
    std::size_t equals = field.find('=');
    if (equals == std::string::npos || equals == 0)
      throw util::Error(fmt::format("output: `{}` must be NAME=VALUE", field));
    // Keys of annotations keep their letters; nothing else has capitals.
    std::string name = field.substr(0, equals);
    if (!name.starts_with("annotation")) name = util::to_lower(name);
    attributes.emplace_back(std::move(name), field.substr(equals + 1));
  }
  spec.type = find_type(attributes);
  Names known = known_attributes(spec.type);
  bool is_image = std::find(known.begin(), known.end(), "annotation") != known.end();
  for (const auto& [name, value] : attributes) {
    if (name == "type") continue;
    if (std::optional<std::string> key = is_image ? annotation_key(name) : std::nullopt) {
      spec.annotations[*key] = value;
    } else if (name != "annotation" && std::find(known.begin(), known.end(), name) != known.end()) {
      set_attribute(spec, name, value);
    } else {
      refuse_attribute(name, spec.type);
    }
  }
  complete(spec);
  return spec;
}

}  // namespace exporter
