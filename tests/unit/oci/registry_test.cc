#include "oci/registry.h"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "oci/image.h"
#include "tests/support/http_server.h"
#include "tests/support/registry.h"
#include "tests/support/test_dir.h"
#include "util/error.h"
#include "util/text.h"

using oci::Reference;
using oci::RegistryClient;
using oci::RegistryError;
using namespace std::chrono_literals;

namespace {

const std::string kManifest =
    R"({"schemaVersion":2,"config":{"digest":"sha256:)" + std::string(64, '0') + R"(","size":2},"layers":[]})";

/// Points the credential look-up at a directory of the test.
class DockerConfig {
 public:
  explicit DockerConfig(const std::string& text = "{}") {
    directory_.write("config.json", text);
    setenv("DOCKER_CONFIG", directory_.path().c_str(), 1);
  }
  ~DockerConfig() { unsetenv("DOCKER_CONFIG"); }

 private:
  test::TestDir directory_;
};

std::string auths(const std::string& host, const std::string& user, const std::string& password) {
  return R"({"auths":{")" + host + R"(":{"auth":")" + util::base64_encode(user + ":" + password) + R"("}}})";
}

oci::Descriptor descriptor_of(const std::string& text) {
  oci::Descriptor blob;
  blob.media_type = oci::kOciLayer;
  blob.digest = util::sha256_of(text);
  blob.size = static_cast<std::int64_t>(text.size());
  return blob;
}

oci::ManifestBytes manifest_of(const std::string& text) {
  oci::ManifestBytes manifest{descriptor_of(text), text};
  manifest.descriptor.media_type = oci::kOciManifest;
  return manifest;
}

std::function<std::unique_ptr<util::Reader>()> reader_of(const std::string& text) {
  return [text] { return std::make_unique<util::StringReader>(text); };
}

std::string fetch(RegistryClient& client, const Reference& reference, const oci::Descriptor& blob,
                  const oci::TransferProgress& progress = {}) {
  util::StringWriter out;
  client.fetch_blob(reference, blob, out, progress);
  return out.take();
}

std::string text_of_size(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; text.size() < size; ++i) text += std::to_string(i) + " ";
  text.resize(size);
  return text;
}

template <typename F>
RegistryError refusal(F&& f) {
  try {
    f();
  } catch (const RegistryError& error) {
    return error;
  } catch (const util::Error& error) {
    return {RegistryError::Kind::refused, "util::Error: " + error.message()};
  }
  return {RegistryError::Kind::refused, "accepted"};
}

test::HttpAnswer manifest_answer() {
  return {200,
          {{"Content-Type", std::string(oci::kOciManifest)},
           {"Docker-Content-Digest", util::sha256_of(kManifest).to_string()}},
          kManifest,
          {}};
}

}  // namespace

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
  CHECK(error.hint().find("docker login " + registry->host()) != std::string::npos);
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
  CHECK(server.calls().size() == 3);
}

TEST_CASE("temporary faults are tried again, at most five times") {
  int failures = 2;
  int status = 503;
  test::HttpServer server([&](const test::HttpCall&) -> test::HttpAnswer {
    if (failures-- > 0) return {status, {{"Retry-After", "0"}}, "busy", {}};
    return manifest_answer();
  });
  DockerConfig anonymous;
  RegistryClient client(2ms);
  Reference reference = Reference::parse(server.host() + "/app:v1");
  CHECK(client.manifest(reference).bytes == kManifest);
  CHECK(server.calls().size() == 3);
  failures = 100;
  status = 429;
  RegistryError error = refusal([&] { client.manifest(reference); });
  CHECK(error.kind() == RegistryError::Kind::unreachable);
  CHECK(error.message().find("registry returned 429 too many requests") != std::string::npos);
  CHECK(server.calls().size() == 8);
  status = 400;
  CHECK(refusal([&] { client.manifest(reference); }).kind() == RegistryError::Kind::refused);
  CHECK(server.calls().size() == 9);
}

TEST_CASE("a long Retry-After is not waited for") {
  test::HttpServer server([](const test::HttpCall&) -> test::HttpAnswer {
    return {429, {{"Retry-After", "3600"}}, "", {}};
  });
  DockerConfig anonymous;
  RegistryClient client;
  CHECK(refusal([&] { client.manifest(Reference::parse(server.host() + "/app:v1")); }).kind() ==
        RegistryError::Kind::unreachable);
  CHECK(server.calls().size() == 1);
}

TEST_CASE("an unreachable registry is reported soon") {
  DockerConfig anonymous;
  RegistryClient client;
  std::string host = "localhost:" + std::to_string(test::free_port());
  auto start = std::chrono::steady_clock::now();
  RegistryError error = refusal([&] { client.manifest(Reference::parse(host + "/app:v1")); });
  CHECK(std::chrono::steady_clock::now() - start < 2s);
  CHECK(error.kind() == RegistryError::Kind::unreachable);
  CHECK(error.message() == "connect to registry `" + host + "`: connection refused");
  CHECK_FALSE(error.hint().empty());
}

TEST_CASE("waiting for another try ends with a stop request") {
  test::HttpServer server([](const test::HttpCall&) -> test::HttpAnswer {
    return {503, {{"Retry-After", "20"}}, "", {}};
  });
  DockerConfig anonymous;
  RegistryClient client;
  std::stop_source source;
  std::jthread stopper([&] {
    while (server.calls().empty()) std::this_thread::sleep_for(1ms);
    source.request_stop();
  });
  CHECK_THROWS_AS(client.manifest(Reference::parse(server.host() + "/app:v1"), source.get_token()), util::Cancelled);
}

TEST_CASE("a cut download is resumed where it broke off") {
  std::string layer = text_of_size(50000);
  bool ranges = true;
  int cuts = 3;
  test::HttpServer server([&](const test::HttpCall& call) -> test::HttpAnswer {
    test::HttpAnswer answer{200, {}, layer, {}};
    auto range = call.headers.find("range");
    if (ranges && range != call.headers.end()) {
      std::size_t begin = std::stoul(range->second.substr(6)), end = layer.size() - 1;
      if (!range->second.ends_with('-')) end = std::stoul(range->second.substr(range->second.find('-') + 1));
      answer.status = 206;
      answer.body = layer.substr(begin, end - begin + 1);
    }
    if (answer.body.size() > 1 && cuts-- > 0) answer.cut_after = ranges ? 10000 : 20000;
    return answer;
  });
  DockerConfig anonymous;
  RegistryClient client(1ms);
  Reference reference = Reference::parse(server.host() + "/app:v1");
  CHECK(fetch(client, reference, descriptor_of(layer)) == layer);
  // Without ranges everything is sent again, and what was seen already is dropped.
  ranges = false;
  cuts = 2;
  CHECK(fetch(client, reference, descriptor_of(layer)) == layer);
}

TEST_CASE("damaged bytes are noticed") {
  std::string sent;
  test::HttpServer server([&](const test::HttpCall&) -> test::HttpAnswer { return {200, {}, sent, {}}; });
  DockerConfig anonymous;
  RegistryClient client(1ms);
  Reference reference = Reference::parse(server.host() + "/app:v1");
  oci::Descriptor blob = descriptor_of("right");
  sent = "wrong";
  CHECK(refusal([&] { fetch(client, reference, blob); }).message().find("damaged: its digest is") != std::string::npos);
  sent = "right and more";
  CHECK(refusal([&] { fetch(client, reference, blob); }).message().find("longer than the 5 bytes announced") !=
        std::string::npos);
  sent = "ri";
  CHECK(refusal([&] { fetch(client, reference, blob); }).kind() == RegistryError::Kind::unreachable);
  Reference pinned = Reference::parse(server.host() + "/app@" + util::sha256_of(kManifest).to_string());
  sent = kManifest + " ";
  CHECK(refusal([&] { client.manifest(pinned); }).message().find("the manifest is damaged") != std::string::npos);
  sent = std::string((8u << 20) + 1, ' ');
  CHECK(refusal([&] { client.manifest(reference); }).message().find("longer than 8388608 bytes") != std::string::npos);
}

TEST_CASE("a blob is fetched through a redirect without giving the credentials away") {
  std::string seen = "nothing";
  test::HttpServer storage([&](const test::HttpCall& call) -> test::HttpAnswer {
    seen = call.headers.contains("authorization") ? "credentials" : "none";
    return {200, {}, "blob", {}};
  });
  test::HttpServer server([&](const test::HttpCall& call) -> test::HttpAnswer {
    if (!call.headers.contains("authorization")) return {401, {{"WWW-Authenticate", "Basic realm=r"}}, "", {}};
    return {307, {{"Location", storage.url("/there?signature=1")}}, "", {}};
  });
  DockerConfig config(auths(server.host(), "u", "p"));
  RegistryClient client;
  CHECK(fetch(client, Reference::parse(server.host() + "/app:v1"), descriptor_of("blob")) == "blob");
  CHECK(seen == "none");
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

TEST_CASE("head falls back to get where the registry does not answer it well") {
  test::HttpServer server([&](const test::HttpCall& call) -> test::HttpAnswer {
    if (call.method == "HEAD") return {405, {}, "", {}};
    return manifest_answer();
  });
  DockerConfig anonymous;
  RegistryClient client;
  CHECK(client.head(Reference::parse(server.host() + "/app:v1")).digest == util::sha256_of(kManifest));
}

TEST_CASE("http is used for another machine only if the host is listed as insecure") {
  std::vector<std::string> targets;
  test::HttpServer proxy([&](const test::HttpCall& call) -> test::HttpAnswer {
    targets.push_back(call.target);
    return manifest_answer();
  });
  DockerConfig anonymous;
  // Proxies stand in for the network: http has one, nobody answers https.
  setenv("http_proxy", proxy.url("").c_str(), 1);
  setenv("https_proxy", ("http://127.0.0.1:" + std::to_string(test::free_port())).c_str(), 1);
  RegistryClient client(1ms);
  Reference reference = Reference::parse("registry.invalid:5000/app:v1");
  CHECK(refusal([&] { client.manifest(reference); }).kind() == RegistryError::Kind::unreachable);
  CHECK(targets.empty());
  setenv("BUILDER_INSECURE_REGISTRIES", "other.invalid, registry.invalid:5000", 1);
  RegistryClient insecure(1ms);
  CHECK(insecure.manifest(reference).bytes == kManifest);
  CHECK(targets == std::vector<std::string>{"http://registry.invalid:5000/v2/app/manifests/v1"});
  for (const char* name : {"http_proxy", "https_proxy", "BUILDER_INSECURE_REGISTRIES"}) unsetenv(name);
}

TEST_CASE("a head request that only meets temporary faults is not repeated as a get") {
  test::HttpServer server([](const test::HttpCall&) -> test::HttpAnswer { return {503, {}, "", {}}; });
  DockerConfig anonymous;
  RegistryClient client(1ms);
  RegistryError error = refusal([&] { client.head(Reference::parse(server.host() + "/app:v1")); });
  CHECK(error.kind() == RegistryError::Kind::unreachable);
  CHECK(error.message() == "pull `" + server.host() + "/app:v1`: registry returned 503 service unavailable");
  CHECK(server.calls().size() == 5);
}
