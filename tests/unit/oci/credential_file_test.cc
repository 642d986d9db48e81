#include "oci/credential_file.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <vector>

#include "oci/credential_key.h"
#include "tests/support/test_dir.h"
#include "util/error.h"
#include "util/fd.h"

using oci::CredentialFile;
using test::TestDir;

namespace {

oci::Credential user(const std::string& name, const std::string& password) {
  oci::Credential credential;
  credential.user = name;
  credential.password = password;
  return credential;
}

oci::CredentialStore stored(const std::filesystem::path& file) {
  return oci::CredentialStore(std::vector<std::filesystem::path>{file});
}

}  // namespace

TEST_CASE("a credential that was saved is found, and erased is not") {
  TestDir dir;
  const CredentialFile file(dir / "new/config.json");
  CHECK(file.save("localhost:5000", user("me", "secret")).empty());
  const auto found = stored(dir / "new/config.json").find("localhost:5000");
  REQUIRE(found);
  CHECK(found->user == "me");
  CHECK(found->password == "secret");
  CHECK(file.erase("localhost:5000"));
  CHECK_FALSE(file.erase("localhost:5000"));
  CHECK_FALSE(stored(dir / "new/config.json").find("localhost:5000"));
}

TEST_CASE("other fields and registries stay, in their order; the file is the owner's alone") {
  TestDir dir;
  dir.write("config.json", R"({"z":1,"auths":{"b.example":{"auth":"YTpi","email":"x"}},"a":{"k":[true]}})");
  std::filesystem::permissions(dir / "config.json", std::filesystem::perms(0644));
  CredentialFile(dir / "config.json").save("docker.io", user("me", "it"));
  CHECK(util::read_file(dir / "config.json") ==
        "{\n\t\"z\": 1,\n\t\"auths\": {\n\t\t\"b.example\": {\n\t\t\t\"auth\": \"YTpi\",\n\t\t\t\"email\": \"x\"\n\t\t},\n"
        "\t\t\"https://index.docker.io/v1/\": {\n\t\t\t\"auth\": \"bWU6aXQ=\"\n\t\t}\n\t},\n\t\"a\": {\n\t\t\"k\": [\n\t\t\ttrue\n\t\t]\n\t}\n}\n");
  CHECK(std::filesystem::status(dir / "config.json").permissions() == std::filesystem::perms(0600));
}

TEST_CASE("every spelling of a registry is replaced, and erased") {
  TestDir dir;
  dir.write("config.json", R"({"auths":{"https://reg.example/v2/":{"auth":"YTpi"},"reg.example":{"auth":"YTpi"}}})");
  const CredentialFile file(dir / "config.json");
  file.save("reg.example", user("me", "it"));
  CHECK(util::read_file(dir / "config.json") == "{\n\t\"auths\": {\n\t\t\"reg.example\": {\n\t\t\t\"auth\": \"bWU6aXQ=\"\n\t\t}\n\t}\n}\n");
}

TEST_CASE("an identity token is kept beside the name") {
  TestDir dir;
  oci::Credential credential = user("me", "");
  credential.identity_token = "token";
  CredentialFile(dir / "config.json").save("reg.example", credential);
  const auto found = stored(dir / "config.json").find("reg.example");
  REQUIRE(found);
  CHECK(found->identity_token == "token");
}

TEST_CASE("a link is followed, not replaced") {
  TestDir dir;
  dir.write("real.json", "{}");
  std::filesystem::create_symlink("real.json", dir / "config.json");
  CredentialFile(dir / "config.json").save("reg.example", user("me", "it"));
  CHECK(std::filesystem::is_symlink(dir / "config.json"));
  CHECK(util::read_file(dir / "real.json").find("reg.example") != std::string::npos);
}

TEST_CASE("a broken file is refused and stays as it is") {
  TestDir dir;
  for (const char* text : {"{\"auths\":", "[]", "{\"auths\":[1]}", "{\"credHelpers\":{\"a\":1}}", "{\"credsStore\":7}"}) {
    dir.write("config.json", text);
    CHECK_THROWS_AS(CredentialFile(dir / "config.json").save("reg.example", user("me", "it")), util::Error);
    CHECK(util::read_file(dir / "config.json") == text);
  }
}

TEST_CASE("a null in credHelpers names no helper") {
  TestDir dir;
  dir.write("config.json", R"({"credHelpers":{"localhost:5000":null,"docker.io":null}})");
  CHECK(CredentialFile(dir / "config.json").save("localhost:5000", user("me", "secret")).empty());
  CHECK(stored(dir / "config.json").find("localhost:5000")->password == "secret");
}

TEST_CASE("a helper is named by registry, else for all of them") {
  using oci::credential_helper;
  using oci::credential_keys;
  CHECK(credential_helper({{"a.example", "x"}}, "all", credential_keys("a.example")) == "x");
  CHECK(credential_helper({{"a.example", "x"}}, "all", credential_keys("b.example")) == "all");
  CHECK(credential_helper({{"index.docker.io", "hub"}}, "", credential_keys("docker.io")) == "hub");
  CHECK(credential_helper({}, "", credential_keys("b.example")).empty());
}
