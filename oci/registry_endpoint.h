#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "util/http.h"

namespace oci {

/// How one registry or mirror is reached: its real name, scheme and certificates.
struct RegistryEndpoint {
  std::string name;          ///< for people and credentials: "docker.io", "localhost:5000"
  std::string authority;     ///< "registry-1.docker.io", "localhost:5000"
  std::string scheme;        ///< "http", "https"
  std::string path = "/v2";  ///< of the API
  std::string ns;            ///< host that this one stands for, told as `?ns=` (containerd's mirrors); usually empty
  bool verify_tls = true;
  bool may_be_plain = false;  ///< http where nobody answers https
  std::string ca_file, client_cert, client_key;
  std::vector<std::pair<std::string, std::string>> headers;  ///< further ones for each request

  /// For the host of a reference. `certs_dirs` are directories like /etc/docker/certs.d, the first that has a file
  /// wins. Plain http for loopback names without files there, https otherwise.
  static RegistryEndpoint of(const std::string& host, const std::vector<std::filesystem::path>& certs_dirs);
  /// As listed in $BUILDER_INSECURE_REGISTRIES or `insecure` in registries.conf.
  void allow_insecure();

  std::string origin() const { return scheme + "://" + authority; }
  /// Distinguishes endpoints that are not reached in the same way.
  std::string key() const;
  void prepare(util::HttpRequest& request) const;
};

/// Takes certificates from the first of `certs_dirs` that has some for the host: the authorities *.crt, the client's
/// *.cert with its *.key (containers-certs.d(5)).
void find_certificates(RegistryEndpoint& endpoint, const std::string& host,
                       const std::vector<std::filesystem::path>& certs_dirs);

}  // namespace oci
