#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace oci {

// How docker's config.json names registries.

inline constexpr std::string_view kDockerHub = "docker.io";

/// The names under which the credentials of a host are kept, the most usual first: "https://index.docker.io/v1/" for
/// docker.io, else the host itself.
std::vector<std::string> credential_keys(const std::string& host);

/// Host of such a name: "https://host:port/v1/" -> "host:port".
std::string credential_host(std::string_view key);

/// Name of the helper that keeps the credentials of `keys`; "" = the file itself does.
std::string credential_helper(const std::map<std::string, std::string>& cred_helpers, const std::string& creds_store,
                              const std::vector<std::string>& keys);

}  // namespace oci
