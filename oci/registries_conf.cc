#include "oci/registries_conf.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "oci/toml_table.h"
#include "util/error.h"

namespace oci {
namespace {

namespace fs = std::filesystem;

bool is_wildcard(std::string_view prefix) {
  return prefix.starts_with("*.");
}

/// Length of the part of `name` that the prefix stands for; npos when it does not match.
std::size_t match(std::string_view name, std::string_view prefix) {
  if (is_wildcard(prefix)) {
    std::string_view suffix = prefix.substr(1), host = name.substr(0, name.find('/'));
    std::string_view bare = host.substr(0, host.find(':'));
    return bare.size() > suffix.size() && bare.ends_with(suffix) ? host.size() : std::string_view::npos;
  }
  if (!name.starts_with(prefix)) return std::string_view::npos;
  bool complete =
      name.size() == prefix.size() || std::string_view("/:@").find(name[prefix.size()]) != std::string::npos;
  return complete ? prefix.size() : std::string_view::npos;
}

/// "host[:port][/path]", without scheme and trailing slash.
std::string place(const TomlTable& table, const char* name) {
  std::string text = table.text(name);
  while (text.ends_with('/')) text.pop_back();
  if (text.find("://") != std::string::npos) table.refuse(name, "must be `host[:port][/path]`, without a scheme");
  bool foreign = std::any_of(text.begin(), text.end(), [](unsigned char c) { return c <= ' ' || c == 0x7f; });
  if (text.starts_with('/') || foreign) table.refuse(name, "must be `host[:port][/path]`");
  return text;
}

RegistriesConf::Mirror mirror_of(const TomlTable& table, bool by_digest_only) {
  RegistriesConf::Mirror mirror;
  mirror.location = place(table, "location");
  if (mirror.location.empty()) table.refuse("location", "must be given for a mirror");
  mirror.insecure = table.boolean("insecure").value_or(false);
  std::string pull = table.text("pull-from-mirror");
  if (!pull.empty() && pull != "all" && pull != "digest-only" && pull != "tag-only") {
    table.refuse("pull-from-mirror", "must be `all`, `digest-only` or `tag-only`");
  }
  if (!pull.empty() && by_digest_only) {
    table.refuse("pull-from-mirror", "cannot be used together with `mirror-by-digest-only`");
  }
  mirror.for_tags = pull != "digest-only" && !by_digest_only;
  mirror.for_digests = pull != "tag-only";
  return mirror;
}

RegistriesConf::Registry registry_of(const TomlTable& table, const std::string& file) {
  RegistriesConf::Registry registry;
  registry.file = file;
  registry.location = place(table, "location");
  registry.prefix = place(table, "prefix");
  if (registry.prefix.empty()) registry.prefix = registry.location;
  if (registry.prefix.empty()) table.refuse("registry", "must have a `location` or a `prefix`");
  if (is_wildcard(registry.prefix)) {
    if (registry.prefix.find_first_of("/:") != std::string::npos || registry.prefix.find('*', 1) != std::string::npos) {
      table.refuse("prefix", "with a wildcard must be `*.` and the rest of a host's name");
    }
  } else if (registry.prefix.find('*') != std::string::npos) {
    table.refuse("prefix", "may have a wildcard at its beginning only");
  } else if (registry.location.empty()) {
    registry.location = registry.prefix;
  }
  registry.insecure = table.boolean("insecure").value_or(false);
  registry.blocked = table.boolean("blocked").value_or(false);
  bool by_digest_only = table.boolean("mirror-by-digest-only").value_or(false);
  for (const TomlTable& mirror : table.tables("mirror")) registry.mirrors.push_back(mirror_of(mirror, by_digest_only));
  return registry;
}

void add_drop_ins(const fs::path& directory, std::vector<fs::path>& files) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    if (entry.path().extension() == ".conf") found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  files.insert(files.end(), found.begin(), found.end());
}

}  // namespace

RegistriesConf RegistriesConf::read(const std::vector<fs::path>& files) {
  RegistriesConf conf;
  for (const fs::path& file : files) {
    std::optional<TomlTable> table = TomlTable::read(file);
    if (!table) continue;
    for (const TomlTable& entry : table->tables("registry")) {
      Registry registry = registry_of(entry, file.string());
      std::erase_if(conf.registries_, [&](const Registry& other) {
        return other.prefix == registry.prefix && other.file != registry.file;
      });
      conf.registries_.push_back(std::move(registry));
    }
  }
  return conf;
}

std::vector<fs::path> RegistriesConf::default_files() {
  const char* only = std::getenv("CONTAINERS_REGISTRIES_CONF");
  if (only != nullptr && *only != '\0') return {only};
  const char* home = std::getenv("HOME");
  fs::path own = home == nullptr || *home == '\0' ? fs::path() : fs::path(home) / ".config/containers/registries.conf";
  std::error_code ignored;
  std::vector<fs::path> files;
  files.push_back(!own.empty() && fs::exists(own, ignored) ? own : fs::path("/etc/containers/registries.conf"));
  add_drop_ins("/etc/containers/registries.conf.d", files);
  if (!own.empty()) add_drop_ins(own.string() + ".d", files);
  return files;
}

const RegistriesConf::Registry* RegistriesConf::find(const Reference& reference) const {
  const Registry* best = nullptr;
  std::string name = reference.to_string();
  for (const Registry& registry : registries_) {
    if (match(name, registry.prefix) == std::string::npos) continue;
    // A name that is spelled out is nearer than a wildcard that matches more letters.
    auto nearness = [](const Registry& r) { return std::pair(!is_wildcard(r.prefix), r.prefix.size()); };
    if (best == nullptr || nearness(registry) > nearness(*best)) best = &registry;
  }
  return best;
}

std::pair<std::string, std::string> rewrite_name(const Reference& reference, const std::string& prefix,
                                                 const std::string& location) {
  if (location.empty()) return {reference.domain, reference.repository};
  std::string name = reference.to_string();
  std::string moved = location + name.substr(std::min(name.size(), match(name, prefix)));
  std::size_t slash = moved.find('/');
  if (slash == std::string::npos) {
    throw util::Error(fmt::format("`{}` of registries.conf makes `{}` of `{}`, which names no repository", location,
                                  moved, reference.familiar()));
  }
  std::string repository = moved.substr(slash + 1);
  repository.erase(std::min(repository.size(), repository.find_first_of(":@")));
  return {moved.substr(0, slash), repository};
}

}  // namespace oci
