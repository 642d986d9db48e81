#include "frontend/dockerfile/expose.h"

#include <arpa/inet.h>

#include <optional>

#include "frontend/dockerfile/lint.h"
#include "util/error.h"
#include "util/text.h"

namespace dockerfile {

namespace {

/// `[ip:][host port:]container port[/protocol]`.
struct PortParts {
  std::string ip;
  std::string host;
  std::string container;
  std::string protocol;
};

struct PortRange {
  unsigned first = 0;
  unsigned last = 0;
};

PortParts split_parts(std::string_view word) {
  PortParts parts;
  std::size_t colon = word.rfind(':');
  std::string_view container = word.substr(colon == std::string_view::npos ? 0 : colon + 1);
  std::size_t slash = container.find('/');
  parts.container = container.substr(0, slash);
  if (slash != std::string_view::npos) parts.protocol = container.substr(slash + 1);
  if (colon == std::string_view::npos) return parts;
  std::string_view before = word.substr(0, colon);
  std::size_t ip_end = before.rfind(':');
  parts.host = before.substr(ip_end == std::string_view::npos ? 0 : ip_end + 1);
  if (ip_end != std::string_view::npos) parts.ip = before.substr(0, ip_end);
  return parts;
}

bool is_ip_address(std::string text) {
  if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  // The C function stops at a NUL byte.
  if (text.find('\0') != std::string::npos) return false;
  in6_addr address;
  return inet_pton(AF_INET, text.c_str(), &address) == 1 || inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

std::optional<unsigned> parse_port(std::string_view text) {
  unsigned value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
    if (value > 65535) return std::nullopt;
  }
  if (text.empty()) return std::nullopt;
  return value;
}

PortRange parse_range(std::string_view text, std::string_view what) {
  std::size_t dash = text.find('-');
  std::optional<unsigned> first = parse_port(text.substr(0, dash));
  std::optional<unsigned> last = dash == std::string_view::npos ? first : parse_port(text.substr(dash + 1));
  if (!first || !last || *last < *first) {
    throw util::Error("invalid " + std::string(what) + " port " + util::quote(text),
                      "give a number up to 65535, or a range such as 8000-8010");
  }
  return {*first, *last};
}

std::vector<std::string> expand_parts(const PortParts& parts) {
  if (parts.container.empty()) throw util::Error("no port specified");
  std::string protocol = parts.protocol.empty() ? "tcp" : util::to_lower(parts.protocol);
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") {
    throw util::Error("invalid protocol " + util::quote(parts.protocol), "use tcp, udp or sctp");
  }
  if (!parts.ip.empty() && !is_ip_address(parts.ip)) throw util::Error("invalid IP address " + util::quote(parts.ip));
  PortRange container = parse_range(parts.container, "container");
  if (!parts.host.empty()) {
    PortRange host = parse_range(parts.host, "host");
    unsigned size = container.last - container.first;
    if (size != 0 && size != host.last - host.first) {
      throw util::Error("ranges of container and host ports differ in size: " + parts.container + " and " + parts.host);
    }
  }
  std::vector<std::string> ports;
  for (unsigned port = container.first; port <= container.last; ++port) {
    ports.push_back(std::to_string(port) + "/" + protocol);
  }
  return ports;
}

}  // namespace

std::vector<std::string> parse_expose(std::string_view word, llb::SourceRange range, std::vector<Warning>& warnings) {
  PortParts parts = split_parts(word);
  std::vector<std::string> ports =
      util::with_context("invalid port: " + util::quote(word), [&] { return expand_parts(parts); });
  if (parts.protocol != util::to_lower(parts.protocol)) {
    warnings.push_back(make_warning("ExposeProtoCasing",
                                    "protocol of `" + std::string(word) + "` in EXPOSE should be lower case", range));
  }
  if (word.find(':') != std::string_view::npos) {
    warnings.push_back(
        make_warning("ExposeInvalidFormat",
                     "EXPOSE should not define an IP address or host port, found `" + std::string(word) + "`", range));
  }
  return ports;
}

}  // namespace dockerfile
