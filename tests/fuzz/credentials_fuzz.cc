#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "oci/credential_file.h"
#include "oci/registry_auth.h"
#include "tests/fuzz/scratch.h"
#include "util/check.h"
#include "util/error.h"
#include "util/fd.h"

// Input: docker's config.json.
namespace {

nlohmann::json others(const std::filesystem::path& file) {
  nlohmann::json value = nlohmann::json::parse(util::read_file(file, 4u << 20));
  value.erase("auths");
  return value;
}

void check_login(const std::filesystem::path& file, const std::string& host) {
  const oci::CredentialFile config(file);
  const std::string before = util::read_file(file, 4u << 20);
  oci::Credential credential;
  credential.user = "me";
  credential.password = "a:b\"\n";
  try {
    CHECK(config.save(host, credential).empty());
  } catch (const util::Error&) {
    CHECK(util::read_file(file, 4u << 20) == before);
    return;
  }
  const auto found = oci::CredentialStore({file}).find(host);
  CHECK(found && found->user == credential.user && found->password == credential.password);
  const nlohmann::json parsed = nlohmann::json::parse(before, nullptr, false);
  if (parsed.is_object()) {
    nlohmann::json expected = parsed;
    expected.erase("auths");
    CHECK(others(file) == expected);
  }
  CHECK(config.erase(host));
  CHECK(!oci::CredentialStore({file}).find(host));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Scratch scratch;
  // No helper that a configuration names is there.
  ::setenv("PATH", "/nonexistent", 1);
  const std::filesystem::path file = scratch.write("config.json", {reinterpret_cast<const char*>(data), size});
  for (const char* host : {"docker.io", "localhost:5000"}) {
    try {
      oci::CredentialStore store({file});
      static_cast<void>(store.find(host));
    } catch (const util::Error&) {
    }
  }
  check_login(file, "docker.io");
  return 0;
}
