#include "executor/network_files.h"

#include "util/error.h"
#include "util/fd.h"
#include "util/text.h"

namespace executor {
namespace {

constexpr const char* kHostFile = "/etc/resolv.conf";
constexpr const char* kSystemdFile = "/run/systemd/resolve/resolv.conf";
constexpr std::size_t kMaxSize = 1u << 20;
constexpr const char* kPublicServers =
    "nameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 2001:4860:4860::8888\nnameserver 2001:4860:4860::8844\n";

/// The address of a "nameserver" line; empty for other lines.
std::string server_of(const std::string& line) {
  std::string text = util::replace_all(util::trim(line), "\t", " ");
  if (!text.starts_with("nameserver ")) return {};
  std::string address(util::trim(std::string_view(text).substr(11)));
  return address.substr(0, address.find_first_of(" #;"));
}

bool is_loopback(const std::string& address) {
  return address.starts_with("127.") || address == "::1" || address.starts_with("::ffff:127.");
}

std::vector<std::string> servers(const std::string& text) {
  std::vector<std::string> result;
  for (const std::string& line : util::split(text, '\n')) {
    if (std::string server = server_of(line); !server.empty()) result.push_back(server);
  }
  return result;
}

std::string read_or_empty(const char* path) {
  try {
    return util::read_file(path, kMaxSize);
  } catch (const util::Error&) {
    return {};
  }
}

}  // namespace

std::string make_hosts(const std::string& hostname,
                       const std::vector<std::pair<std::string, std::string>>& extra_hosts) {
  std::string text = "127.0.0.1\tlocalhost";
  if (!hostname.empty()) text += " " + hostname;
  text += "\n::1\tlocalhost ip6-localhost ip6-loopback\n";
  for (const auto& [host, address] : extra_hosts)
    text += (address == "host-gateway" ? "127.0.0.1" : address) + "\t" + host + "\n";
  return text;
}

std::string make_resolv_conf(const std::string& host_text, NetworkMode network) {
  if (network == NetworkMode::host && !host_text.empty()) return host_text;
  std::string result;
  bool any = false;
  std::vector<std::string> lines = util::split(host_text, '\n');
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  for (const std::string& line : lines) {
    std::string server = server_of(line);
    if (is_loopback(server)) continue;
    any = any || !server.empty();
    result += line + "\n";
  }
  if (!any) result += kPublicServers;
  return result;
}

std::string read_host_resolv_conf(NetworkMode network) {
  std::string text = read_or_empty(kHostFile);
  if (network == NetworkMode::host || servers(text) != std::vector<std::string>{"127.0.0.53"}) return text;
  std::string real = read_or_empty(kSystemdFile);
  return real.empty() ? text : real;
}

}  // namespace executor
