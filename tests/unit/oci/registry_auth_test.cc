#include "oci/registry_auth.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>

#include "tests/support/test_dir.h"
#include "util/error.h"
#include "util/text.h"

using oci::CredentialStore;

namespace {

CredentialStore store_of(const test::TestDir& directory, const std::string& text) {
  directory.write("config.json", text);
  return CredentialStore(std::vector<std::filesystem::path>{directory / "config.json"});
}

}  // namespace

TEST_CASE("challenges are read, several to a header, in any spelling") {
  auto challenges = oci::parse_challenges(
      R"(Bearer realm="https://auth.docker.io/token",service="registry.docker.io", scope="repository:a/b:pull,push" , error=insufficient_scope, Basic realm="a \"b\"")");
  REQUIRE(challenges.size() == 2);
  CHECK(challenges[0].scheme == "bearer");
  CHECK(challenges[0].realm == "https://auth.docker.io/token");
  CHECK(challenges[0].service == "registry.docker.io");
  CHECK(challenges[0].scope == "repository:a/b:pull,push");
  CHECK(challenges[0].error == "insufficient_scope");
  CHECK(challenges[1].scheme == "basic");
  CHECK(challenges[1].realm == "a \"b\"");
  CHECK(oci::parse_challenges("").empty());
  for (const char* text : {"=", "\"", "Bearer realm=", "Bearer realm=\"x", ",,,", "Bearer \\", "\xff=\"\\"}) {
    CAPTURE(text);
    CHECK_NOTHROW(oci::parse_challenges(text));
  }
}

TEST_CASE("credentials are found by host, the Docker Hub under its old address") {
  test::TestDir directory;
  std::string hub = util::base64_encode("hub:pa:ss");
  std::string other = util::base64_encode("me:secret");
  CredentialStore store = store_of(
      directory, R"({"auths":{"https://index.docker.io/v1/":{"auth":")" + hub +
                     R"("},"https://quay.io/v2/":{"auth":")" + other +
                     R"("},"localhost:5000":{"username":"u","password":"p"},)"
                     R"("token.io":{"identitytoken":"idt"},"bearer.io":{"registrytoken":"rt"},"empty.io":{}}})");
  CHECK(store.find("docker.io")->user == "hub");
  CHECK(store.find("docker.io")->password == "pa:ss");
  CHECK(store.find("quay.io")->user == "me");
  CHECK(store.find("localhost:5000")->password == "p");
  CHECK(store.find("token.io")->identity_token == "idt");
  CHECK(store.find("bearer.io")->registry_token == "rt");
  CHECK_FALSE(store.find("empty.io"));
  CHECK_FALSE(store.find("localhost:5001"));
  CHECK_FALSE(store.find("ghcr.io"));
}

TEST_CASE("a missing file means anonymous, a broken one is an error") {
  test::TestDir directory;
  CHECK_FALSE(CredentialStore(std::vector<std::filesystem::path>{directory / "none.json"}).find("docker.io"));
  CHECK_THROWS_AS(store_of(directory, "{").find("docker.io"), util::Error);
  CHECK_THROWS_AS(store_of(directory, R"({"auths":{"a.io":{"auth":"!!"}}})").find("a.io"), util::Error);
  CHECK_THROWS_AS(store_of(directory, R"({"auths":{"a.io":"x"}})").find("a.io"), util::Error);
  CHECK_FALSE(store_of(directory, R"({"auths":[]})").find("a.io"));
}

TEST_CASE("a credential helper is asked once") {
  test::TestDir directory;
  directory.write("bin/docker-credential-fake",
                  "#!/bin/sh\nread host\necho \"$host\" >> \"$FAKE_LOG\"\ncase $host in\n"
                  "  good.io) echo '{\"ServerURL\":\"good.io\",\"Username\":\"h\",\"Secret\":\"s\"}';;\n"
                  "  token.io) echo '{\"Username\":\"<token>\",\"Secret\":\"idt\"}';;\n"
                  "  broken.io) echo 'locked keychain' >&2; exit 1;;\n"
                  "  *) echo 'credentials not found in native keychain'; exit 1;;\nesac\n");
  chmod((directory / "bin/docker-credential-fake").c_str(), 0755);
  std::string path = std::getenv("PATH");
  setenv("PATH", ((directory / "bin").string() + ":" + path).c_str(), 1);
  setenv("FAKE_LOG", (directory / "log").c_str(), 1);
  CredentialStore store = store_of(directory, R"({"credsStore":"fake","credHelpers":{"absent.io":"nowhere"}})");
  CHECK(store.find("good.io")->user == "h");
  CHECK(store.find("good.io")->password == "s");
  CHECK(store.find("token.io")->identity_token == "idt");
  CHECK_FALSE(store.find("unknown.io"));
  CHECK_FALSE(store.find("absent.io"));
  CHECK_THROWS_AS(store.find("broken.io"), util::Error);
  setenv("PATH", path.c_str(), 1);
  CHECK(std::filesystem::file_size(directory / "log") ==
        std::string("good.io\ntoken.io\nunknown.io\nbroken.io\n").size());
}
