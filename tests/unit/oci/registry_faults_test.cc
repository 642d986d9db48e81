#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "oci/image.h"
#include "oci/registry.h"
#include "tests/support/http_server.h"
#include "tests/unit/oci/registry_testing.h"
#include "util/error.h"

using namespace test;
using namespace std::chrono_literals;
using oci::Reference;
using oci::RegistryClient;
using oci::RegistryError;

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
