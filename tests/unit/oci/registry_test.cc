#include "oci/registry.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "oci/image.h"
#include "tests/support/http_server.h"
#include "tests/support/registry.h"
#include "tests/unit/oci/registry_testing.h"
#include "util/error.h"

using namespace test;
using namespace std::chrono_literals;
using oci::Reference;
using oci::RegistryClient;
using oci::RegistryError;

TEST_CASE("what was pushed to a registry can be pulled from it") {
  auto registry = test::Registry::start();
  if (!registry) return;
  DockerConfig anonymous;
  RegistryClient client;
  Reference reference = Reference::parse(registry->host() + "/team/app:v1");
  std::string layer = text_of_size(300000);
  oci::Descriptor blob = descriptor_of(layer);

  CHECK_FALSE(client.has_blob(reference, blob.digest));
  std::uint64_t sent = 0;
  client.push_blob(reference, blob, reader_of(layer), [&](std::uint64_t current, std::uint64_t) { sent = current; });
  CHECK(sent == layer.size());
  CHECK(client.has_blob(reference, blob.digest));
  std::string config = "{}";
  client.push_blob(reference, descriptor_of(config), reader_of(config));
  client.push_blob(reference, descriptor_of(""), reader_of(""));

  oci::Manifest manifest;
  manifest.media_type = oci::kOciManifest;
  manifest.config = descriptor_of(config);
  manifest.layers = {blob};
  oci::ManifestBytes pushed = manifest_of(oci::to_json_text(manifest));
  client.push_manifest(reference, pushed);
  oci::ManifestBytes pulled = client.manifest(reference);
  CHECK(pulled.bytes == pushed.bytes);
  CHECK(pulled.descriptor.digest == pushed.descriptor.digest);
  CHECK(pulled.descriptor.media_type == oci::kOciManifest);
  oci::Descriptor head = client.head(reference);
  CHECK(head.digest == pushed.descriptor.digest);
  CHECK(head.size == pushed.descriptor.size);

  std::uint64_t seen = 0;
  CHECK(fetch(client, reference, blob, [&](std::uint64_t current, std::uint64_t) { seen = current; }) == layer);
  CHECK(seen == layer.size());
  CHECK(fetch(client, reference, descriptor_of("")).empty());

  Reference by_digest = Reference::parse(registry->host() + "/team/app@" + pushed.descriptor.digest.to_string());
  CHECK(client.manifest(by_digest).bytes == pushed.bytes);

  Reference other = Reference::parse(registry->host() + "/team/other:v1");
  CHECK(client.mount_blob(other, blob.digest, "team/app"));
  CHECK(client.has_blob(other, blob.digest));
  util::Digest absent = util::sha256_of("absent");
  CHECK_FALSE(client.mount_blob(other, absent, "team/app"));
  client.push_blob(other, descriptor_of("absent"), reader_of("absent"));
  CHECK(fetch(client, other, descriptor_of("absent")) == "absent");
}

TEST_CASE("a registry says what it does not have") {
  auto registry = test::Registry::start();
  if (!registry) return;
  DockerConfig anonymous;
  RegistryClient client;
  Reference reference = Reference::parse(registry->host() + "/app:v1");
  RegistryError no_name = refusal([&] { client.manifest(reference); });
  CHECK(no_name.kind() == RegistryError::Kind::not_found);
  CHECK(no_name.message().find("pull `" + registry->host() + "/app:v1`: not found (no such ") == 0);
  CHECK(refusal([&] { client.head(reference); }).kind() == RegistryError::Kind::not_found);
  RegistryError no_blob = refusal([&] { fetch(client, reference, descriptor_of("x")); });
  CHECK(no_blob.kind() == RegistryError::Kind::not_found);
  CHECK(no_blob.message() ==
        "pull `" + reference.name() + "`: blob `" + util::sha256_of("x").to_string() + "`: not found");
  // A manifest whose blobs are not there.
  oci::ManifestBytes incomplete = manifest_of(kManifest);
  CHECK(refusal([&] { client.push_manifest(reference, incomplete); }).kind() != RegistryError::Kind::not_found);
}

TEST_CASE("basic authentication is asked for once") {
  auto registry = test::Registry::start({.authenticated = true});
  if (!registry) return;
  Reference reference = Reference::parse(registry->host() + "/app:v1");
  {
    DockerConfig config(auths(registry->host(), "user", "secret"));
    RegistryClient client;
    client.push_blob(reference, descriptor_of("x"), reader_of("x"));
    CHECK(fetch(client, reference, descriptor_of("x")) == "x");
  }
  {
    DockerConfig config(auths(registry->host(), "user", "wrong"));
    RegistryClient client;
    CHECK(refusal([&] { client.manifest(reference); }).kind() == RegistryError::Kind::unauthorized);
  }
  DockerConfig anonymous;
  RegistryClient client;
  RegistryError error = refusal([&] { client.manifest(reference); });
  CHECK(error.kind() == RegistryError::Kind::unauthorized);
  CHECK(error.message().find("pull `" + reference.to_string() + "`: registry returned 401 unauthorized") == 0);
  CHECK(error.hint().find("builder login " + registry->host()) != std::string::npos);
  CHECK(error.message().find("secret") == std::string::npos);
}

TEST_CASE("a bearer token is fetched for a scope once and used until it is refused") {
  int token = 0;
  std::string valid, realm, token_authorization;
  test::HttpServer server([&](const test::HttpCall& call) -> test::HttpAnswer {
    if (call.target.starts_with("/token")) {
      auto header = call.headers.find("authorization");
      token_authorization = header == call.headers.end() ? "" : header->second;
      valid = "t" + std::to_string(++token);
      return {200, {}, R"({"token":")" + valid + R"(","expires_in":300})", {}};
    }
    auto header = call.headers.find("authorization");
    if (header != call.headers.end() && header->second == "Bearer " + valid) return manifest_answer();
    return {401,
            {{"WWW-Authenticate", "Bearer realm=\"" + realm + "\",service=\"s 1\",scope=\"repository:app:pull\""}},
            "",
            {}};
  });
  realm = server.url("/token?x=1");
  Reference reference = Reference::parse(server.host() + "/app:v1");

  SUBCASE("anonymous") {
    DockerConfig anonymous;
    RegistryClient client;
    client.manifest(reference);
    client.manifest(reference);
    std::string token_call = "GET /token?x=1&service=s%201&scope=repository%3Aapp%3Apull";
    std::string call = "GET /v2/app/manifests/v1";
    CHECK(server.calls() == std::vector<std::string>{call, token_call, call, call});
    CHECK(token_authorization.empty());
    valid = "revoked";
    client.manifest(reference);
    CHECK(server.calls().size() == 7);
  }
  SUBCASE("with a password") {
    DockerConfig config(auths(server.host(), "me", "pw"));
    RegistryClient client;
    client.manifest(reference);
    CHECK(token_authorization == "Basic " + util::base64_encode("me:pw"));
    CHECK(server.calls()[1].find("&account=me") != std::string::npos);
  }
  SUBCASE("with an identity token") {
    DockerConfig config(R"({"auths":{")" + server.host() + R"(":{"identitytoken":"idt"}}})");
    RegistryClient client;
    client.manifest(reference);
    CHECK(server.calls()[1] == "POST /token?x=1");
  }
  SUBCASE("one token for many threads") {
    DockerConfig anonymous;
    RegistryClient client;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) threads.emplace_back([&] { client.manifest(reference); });
    threads.clear();
    CHECK(token == 1);
  }
}

TEST_CASE("a refused token ends in an error, not in a loop") {
  std::string realm;
  test::HttpServer server([&](const test::HttpCall& call) -> test::HttpAnswer {
    if (call.target.starts_with("/token")) return {200, {}, R"({"access_token":"t"})", {}};
    return {401,
            {{"WWW-Authenticate", "Bearer realm=\"" + realm + "\",service=s"}},
            R"({"errors":[{"code":"DENIED","message":"go\naway"}]})",
            {}};
  });
  realm = server.url("/token");
  DockerConfig anonymous;
  RegistryClient client;
  RegistryError error = refusal([&] { client.manifest(Reference::parse(server.host() + "/app:v1")); });
  CHECK(error.kind() == RegistryError::Kind::unauthorized);
  CHECK(error.message() == "pull `" + server.host() + "/app:v1`: registry returned 401 unauthorized (go away)");
  CHECK(server.calls().size() == 4);
}

TEST_CASE("a layer that the registry does not have is fetched from its own URL") {
  test::HttpServer server([&](const test::HttpCall& call) -> test::HttpAnswer {
    if (call.target == "/foreign") return {200, {}, "blob", {}};
    return {404, {}, "", {}};
  });
  DockerConfig anonymous;
  RegistryClient client;
  oci::Descriptor blob = descriptor_of("blob");
  blob.urls = {"ftp://example.com/x", server.url("/foreign")};
  CHECK(fetch(client, Reference::parse(server.host() + "/app:v1"), blob) == "blob");
}

TEST_CASE("an upload goes where the registry says, by relative location, query and redirect") {
  std::vector<std::string> bodies;
  int failures = 0;
  test::HttpServer server([&](const test::HttpCall& call) -> test::HttpAnswer {
    if (call.method == "POST") return {202, {{"Location", "/upload/1?state=a%2Fb"}}, "", {}};
    if (call.target.starts_with("/upload/1")) return {307, {{"Location", "2?more=1"}}, "", {}};
    if (failures-- > 0) return {500, {}, "", {}};
    bodies.push_back(call.target + " " + call.body);
    return {201, {}, "", {}};
  });
  DockerConfig anonymous;
  RegistryClient client(1ms);
  Reference reference = Reference::parse(server.host() + "/app:v1");
  std::string digest = "sha256%3A" + std::string(util::sha256_of("blob").hex());
  client.push_blob(reference, descriptor_of("blob"), reader_of("blob"));
  CHECK(bodies == std::vector<std::string>{"/upload/2?more=1 blob"});
  CHECK(server.calls()[1] == "PUT /upload/1?state=a%2Fb&digest=" + digest);
  // A failed one begins anew.
  failures = 1;
  client.push_blob(reference, descriptor_of("blob"), reader_of("blob"));
  CHECK(bodies.size() == 2);
}

TEST_CASE("a refused mount's upload is used for the blob") {
  test::HttpServer server([&](const test::HttpCall& call) -> test::HttpAnswer {
    if (call.method == "POST") return {202, {{"Location", "/upload/1"}}, "", {}};
    return {201, {}, "", {}};
  });
  DockerConfig anonymous;
  RegistryClient client;
  Reference reference = Reference::parse(server.host() + "/app:v1");
  oci::Descriptor blob = descriptor_of("blob");
  CHECK_FALSE(client.mount_blob(reference, blob.digest, "base"));
  client.push_blob(reference, blob, reader_of("blob"));
  CHECK(server.calls().size() == 2);
}
