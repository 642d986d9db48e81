#include <cstdint>
#include <string_view>

#include "oci/hosts_toml.h"
#include "oci/registries_conf.h"
#include "tests/fuzz/scratch.h"
#include "util/check.h"
#include "util/error.h"

// Input: a hosts.toml or a registries.conf; it is read as both.
namespace {

void check_hosts(const std::filesystem::path& directory) {
  const auto hosts = oci::HostsToml::find("registry.example:5000", {directory});
  CHECK(hosts.has_value());
  for (const oci::HostsToml::Host& mirror : hosts->mirrors) {
    CHECK(mirror.endpoint.scheme == "http" || mirror.endpoint.scheme == "https");
    CHECK(!mirror.endpoint.authority.empty() && mirror.endpoint.authority.find_first_of("@?#/") == std::string::npos);
    CHECK(!mirror.endpoint.path.ends_with('/'));
  }
}

void check_conf(const std::filesystem::path& file) {
  const oci::RegistriesConf conf = oci::RegistriesConf::read({file});
  for (const char* name : {"debian", "registry.example:5000/app/web:1", "a.b.example/x/y@sha256:"
                           "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}) {
    const oci::Reference reference = oci::Reference::parse(name);
    const oci::RegistriesConf::Registry* found = conf.find(reference);
    if (found == nullptr) continue;
    CHECK(!found->prefix.empty());
    const auto [host, repository] = oci::rewrite_name(reference, found->prefix, found->location);
    CHECK(!host.empty() && host.find('/') == std::string::npos);
    CHECK(repository.find_first_of(":@") == std::string::npos);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Scratch scratch;
  const std::filesystem::path file =
      scratch.write("registry.example:5000/hosts.toml", {reinterpret_cast<const char*>(data), size});
  try {
    check_hosts(scratch.path());
  } catch (const util::Error&) {
  }
  try {
    check_conf(file);
  } catch (const util::Error&) {
  }
  return 0;
}
