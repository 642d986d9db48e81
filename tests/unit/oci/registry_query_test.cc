#include <doctest/doctest.h>

#include "oci/registry.h"
#include "tests/support/http_server.h"
#include "tests/support/registry.h"
#include "tests/unit/oci/registry_testing.h"
#include "util/text.h"

using namespace test;
using oci::Reference;
using oci::RegistryClient;
using oci::RegistryError;

TEST_CASE("the tags of a repository are listed page by page") {
  std::string body = R"({"name":"app","tags":["c"]})";
  HttpServer server([&](const HttpCall& call) -> HttpAnswer {
    if (call.target == "/v2/app/tags/list")
      return {
          200, {{"Link", R"(</v2/app/tags/list?last=b&n=2>; rel="next")"}}, R"({"name":"app","tags":["a","b"]})", {}};
    if (call.target == "/v2/app/tags/list?last=b&n=2") return {200, {}, body, {}};
    return {404, {}, R"({"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known"}]})", {}};
  });
  DockerConfig anonymous;
  RegistryClient client;
  Reference app = Reference::parse(server.host() + "/app:v1");
  CHECK(client.tags(app) == std::vector<std::string>{"a", "b", "c"});
  body = R"({"name":"app","tags":null})";
  CHECK(client.tags(app) == std::vector<std::string>{"a", "b"});
  body = R"({"name":"app","tags":[1]})";
  CHECK(refusal([&] { client.tags(app); }).message().find("list the tags of `" + app.name() + "`") !=
        std::string::npos);
  RegistryError unknown = refusal([&] { client.tags(Reference::parse(server.host() + "/none")); });
  CHECK(unknown.kind() == RegistryError::Kind::not_found);
  CHECK(unknown.message().find("repository name not known") != std::string::npos);
}

TEST_CASE("a registry's own pages are followed to their end") {
  auto registry = Registry::start();
  if (!registry) return;
  DockerConfig anonymous;
  RegistryClient client;
  Reference reference = Reference::parse(registry->host() + "/app:v1");
  CHECK(refusal([&] { client.tags(reference); }).kind() == RegistryError::Kind::not_found);
  oci::Manifest manifest;
  manifest.media_type = oci::kOciManifest;
  manifest.config = descriptor_of("{}");
  client.push_blob(reference, manifest.config, reader_of("{}"));
  for (const char* tag : {"v2", "v1"}) {
    reference.tag = tag;
    client.push_manifest(reference, manifest_of(oci::to_json_text(manifest)));
  }
  CHECK(client.tags(reference) == std::vector<std::string>{"v1", "v2"});
}

TEST_CASE("a login is checked with the credential given, not with stored ones") {
  auto registry = Registry::start({.authenticated = true});
  if (!registry) return;
  DockerConfig config(auths(registry->host(), "user", "secret"));
  RegistryClient client;
  oci::Credential credential{.user = "user", .password = "secret", .identity_token = {}, .registry_token = {}};
  CHECK(client.check_login(registry->host(), credential).password == "secret");
  credential.password = "wrong";
  RegistryError error = refusal([&] { client.check_login(registry->host(), credential); });
  CHECK(error.kind() == RegistryError::Kind::unauthorized);
  CHECK(error.message().find("log in to `" + registry->host() + "`: registry returned 401 unauthorized") == 0);
  CHECK(error.hint() == "check the user name and the password");
}

TEST_CASE("a login at a token service may give an identity token to store") {
  std::string realm;
  bool gives_identity = true;
  HttpServer server([&](const HttpCall& call) -> HttpAnswer {
    auto header = call.headers.find("authorization");
    std::string authorization = header == call.headers.end() ? "" : header->second;
    if (call.target.starts_with("/token")) {
      if (authorization != "Basic " + util::base64_encode("me:pw")) return {401, {}, R"({"details":"who?"})", {}};
      return {200, {}, gives_identity ? R"({"token":"t","refresh_token":"idt"})" : R"({"token":"t"})", {}};
    }
    if (authorization == "Bearer t") return {200, {}, "{}", {}};
    return {401, {{"WWW-Authenticate", "Bearer realm=\"" + realm + "\",service=s"}}, "", {}};
  });
  realm = server.url("/token");
  DockerConfig anonymous;
  RegistryClient client;
  oci::Credential credential{.user = "me", .password = "pw", .identity_token = {}, .registry_token = {}};
  oci::Credential stored = client.check_login(server.host(), credential);
  CHECK(stored.user == "me");
  CHECK(stored.identity_token == "idt");
  CHECK(stored.password.empty());
  CHECK(server.calls()[1] == "GET /token?service=s&account=me&offline_token=true");
  gives_identity = false;
  CHECK(client.check_login(server.host(), credential).password == "pw");
  credential.password = "x";
  RegistryError error = refusal([&] { client.check_login(server.host(), credential); });
  CHECK(error.kind() == RegistryError::Kind::unauthorized);
  CHECK(error.message().find("who?") != std::string::npos);
  CHECK(error.message().find("pw") == std::string::npos);
}
