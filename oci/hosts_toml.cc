#include "oci/hosts_toml.h"

#include <algorithm>

#include "oci/toml_table.h"
#include "util/http_url.h"
#include "util/text.h"

namespace oci {
namespace {

namespace fs = std::filesystem;

/// containerd's file names cannot have a colon everywhere: "host_5000_" stands for "host:5000".
std::vector<std::string> directories_of(const std::string& host) {
  std::vector<std::string> names;
  if (std::size_t colon = host.rfind(':'); colon != std::string::npos && !host.ends_with(']')) {
    names.push_back(host.substr(0, colon) + "_" + host.substr(colon + 1) + "_");
  }
  names.push_back(host);
  names.emplace_back("_default");
  return names;
}

std::string absolute(const fs::path& directory, const std::string& file) {
  return (directory / file).string();  // an absolute one stays what it is
}

void set_client(RegistryEndpoint& endpoint, const TomlTable& table, const fs::path& directory) {
  auto rows = table.rows("client");
  if (rows.empty()) return;
  if (rows.size() > 1 || rows[0].empty() || rows[0].size() > 2) {
    table.refuse("client", "must name one certificate, or one pair of certificate and key");
  }
  endpoint.client_cert = absolute(directory, rows[0][0]);
  endpoint.client_key = absolute(directory, rows[0].back());
}

/// The settings that a host has, as the top of the file has them for the server.
void set_options(RegistryEndpoint& endpoint, const TomlTable& table, const fs::path& directory) {
  std::vector<std::string> authorities = table.texts("ca");
  if (authorities.size() > 1) table.refuse("ca", "must name one file; it may hold several certificates");
  if (!authorities.empty()) endpoint.ca_file = absolute(directory, authorities[0]);
  set_client(endpoint, table, directory);
  if (table.boolean("skip_verify").value_or(false)) endpoint.verify_tls = false;
  if (auto headers = table.table("header")) {
    for (const std::string& name : headers->names()) {
      for (const std::string& value : headers->texts(name)) endpoint.headers.emplace_back(name, value);
    }
  }
}

/// Sets scheme, authority and path from a URL: "https://mirror.example/hub" -> /hub/v2 of mirror.example.
RegistryEndpoint endpoint_of(const TomlTable& table, const std::string& member, std::string url) {
  if (url.find("://") == std::string::npos) url.insert(0, "https://");
  std::string origin = util::url_origin(url);
  if (origin.empty()) table.refuse(member, "must be an http or https URL");
  RegistryEndpoint endpoint;
  endpoint.scheme = util::to_lower(url.substr(0, url.find("://")));
  std::string rest = url.substr(url.find("://") + 3);
  if (rest.find_first_of("?#@") != std::string::npos || rest.starts_with('/')) {
    table.refuse(member, "must be the URL of a host, with no more than a path");
  }
  endpoint.authority = util::to_lower(rest.substr(0, rest.find('/')));
  bool hub = endpoint.authority == "registry-1.docker.io";
  endpoint.name = hub ? "docker.io" : endpoint.authority;
  std::string path = rest.find('/') == std::string::npos ? "" : rest.substr(rest.find('/'));
  while (path.ends_with('/')) path.pop_back();
  bool complete = table.boolean("override_path").value_or(false) || path.ends_with("/v2");
  endpoint.path = complete ? path : path + "/v2";
  return endpoint;
}

HostsToml parse(const TomlTable& table, const std::string& host, const fs::path& directory) {
  HostsToml hosts;
  std::string server = table.text("server");
  // Without a server, what is said about it is meant for the usual one.
  const std::vector<std::string> names = table.names();
  for (const char* option : {"ca", "client", "skip_verify", "header"}) {
    bool given = std::find(names.begin(), names.end(), option) != names.end();
    if (server.empty() && given) server = "https://" + (host == "docker.io" ? "registry-1.docker.io" : host);
  }
  if (!server.empty()) {
    hosts.server = endpoint_of(table, "server", server);
    hosts.server->name = host;
    set_options(*hosts.server, table, directory);
  }
  for (const auto& [url, entry] : table.named_tables("host")) {
    HostsToml::Host& mirror = hosts.mirrors.emplace_back();
    mirror.endpoint = endpoint_of(entry, url, url);
    mirror.endpoint.ns = host;
    set_options(mirror.endpoint, entry, directory);
    std::vector<std::string> capabilities = entry.texts("capabilities");
    for (const std::string& capability : capabilities) {
      if (capability != "pull" && capability != "resolve" && capability != "push") {
        entry.refuse("capabilities", "may have `pull`, `resolve` and `push`");
      }
    }
    auto has = [&](std::string_view name) {
      return capabilities.empty() || std::find(capabilities.begin(), capabilities.end(), name) != capabilities.end();
    };
    mirror.pull = has("pull");
    mirror.resolve = has("resolve");
  }
  return hosts;
}

}  // namespace

std::optional<HostsToml> HostsToml::find(const std::string& host, const std::vector<fs::path>& directories) {
  for (const fs::path& root : directories) {
    for (const std::string& name : directories_of(host)) {
      if (auto table = TomlTable::read(root / name / "hosts.toml")) return parse(*table, host, root / name);
    }
  }
  return std::nullopt;
}

}  // namespace oci
