#include "oci/registry_upload.h"

#include <doctest/doctest.h>

#include <chrono>

#include "oci/registry.h"
#include "tests/support/registry.h"
#include "tests/unit/oci/registry_testing.h"

using namespace test;
using oci::Reference;
using oci::RegistryClient;
using oci::RegistryError;

namespace {

/// A registry that takes uploads in chunks only.
struct ChunkRegistry {
  std::size_t limit = 1 << 30;  ///< longest chunk
  int refusal = 405;            ///< to a PUT with a body
  std::string least;            ///< OCI-Chunk-Min-Length
  std::vector<int> faults;      ///< statuses of the next PATCHes
  std::string stored, uploading;
  std::vector<std::size_t> chunks;

  HttpAnswer operator()(const HttpCall& call) {
    std::string range = "0-" + std::to_string(uploading.empty() ? 0 : uploading.size() - 1);
    if (call.method == "POST") {
      uploading.clear();
      HttpAnswer answer{202, {{"Location", "/up/1?s=0"}}, "", {}};
      if (!least.empty()) answer.headers.emplace_back("OCI-Chunk-Min-Length", least);
      return answer;
    }
    if (call.method == "GET") return {204, {{"Range", range}, {"Location", "/up/1?s=x"}}, "", {}};
    if (call.method == "PUT") {
      if (!call.body.empty()) return {refusal, {}, "", {}};
      stored = uploading;
      return {201, {}, "", {}};
    }
    if (call.body.size() > limit) return {413, {}, "", {}};
    if (!faults.empty()) {
      int fault = faults.front();
      faults.erase(faults.begin());
      // The half of it has arrived.
      if (fault == 500) uploading += call.body.substr(0, call.body.size() / 2);
      return {fault, {}, "", {}};
    }
    std::string expected =
        std::to_string(uploading.size()) + "-" + std::to_string(uploading.size() + call.body.size() - 1);
    if (call.headers.at("content-range") != expected) return {416, {{"Range", range}}, "", {}};
    uploading += call.body;
    chunks.push_back(call.body.size());
    return {202, {{"Location", "/up/1?s=" + std::to_string(uploading.size())}}, "", {}};
  }
};

}  // namespace

TEST_CASE("a blob goes in chunks where one piece is refused") {
  ChunkRegistry registry;
  for (int refusal : {405, 413, 501}) {
    registry = ChunkRegistry();
    registry.refusal = refusal;
    HttpServer server([&](const HttpCall& call) { return registry(call); });
    DockerConfig anonymous;
    RegistryClient client(std::chrono::milliseconds(1));
    Reference app = Reference::parse(server.host() + "/app:v1");
    std::string blob = text_of_size(300000);
    SUBCASE("one") {}
    SUBCASE("smaller and smaller") {
      registry.limit = 100000;
      registry.least = "70000";
    }
    SUBCASE("it goes on after a fault") {
      registry.faults = {500, 503, 416};
    }
    client.push_blob(app, descriptor_of(blob), reader_of(blob));
    CHECK(registry.stored == blob);
  }
}

TEST_CASE("a registry that takes no chunk either is an error") {
  ChunkRegistry registry;
  registry.limit = 10;
  HttpServer server([&](const HttpCall& call) { return registry(call); });
  DockerConfig anonymous;
  RegistryClient client(std::chrono::milliseconds(1));
  std::string blob = text_of_size(300000);
  RegistryError error = refusal(
      [&] { client.push_blob(Reference::parse(server.host() + "/app:v1"), descriptor_of(blob), reader_of(blob)); });
  CHECK(error.kind() == RegistryError::Kind::refused);
  CHECK(error.message().find("registry returned 413 content too large") != std::string::npos);
  registry.limit = 1 << 30;
  registry.faults = std::vector<int>(20, 503);
  error = refusal(
      [&] { client.push_blob(Reference::parse(server.host() + "/app:v1"), descriptor_of(blob), reader_of(blob)); });
  CHECK(error.kind() == RegistryError::Kind::unreachable);
}

TEST_CASE("an upload to another host carries no credentials") {
  std::string seen = "nothing", body;
  HttpServer storage([&](const HttpCall& call) -> HttpAnswer {
    seen = call.headers.contains("authorization") ? "credentials" : "none";
    body = call.body;
    return {201, {}, "", {}};
  });
  HttpServer server([&](const HttpCall& call) -> HttpAnswer {
    if (!call.headers.contains("authorization")) return {401, {{"WWW-Authenticate", "Basic realm=r"}}, "", {}};
    return {202, {{"Location", storage.url("/there?signature=1")}}, "", {}};
  });
  DockerConfig config(auths(server.host(), "u", "p"));
  RegistryClient client;
  client.push_blob(Reference::parse(server.host() + "/app:v1"), descriptor_of("blob"), reader_of("blob"));
  CHECK(seen == "none");
  CHECK(body == "blob");
  CHECK(storage.calls()[0].find("PUT /there?signature=1&digest=sha256%3A") == 0);
}

TEST_CASE("the chunks of a real registry") {
  auto registry = Registry::start();
  if (!registry) return;
  DockerConfig anonymous;
  Reference app = Reference::parse(registry->host() + "/app:v1");
  std::string blob = text_of_size(200000);
  // What stands in front of it takes no whole blobs.
  HttpServer proxy([&](const HttpCall& call) -> HttpAnswer {
    if (call.method == "PUT" && !call.body.empty()) return {413, {}, "", {}};
    if (call.method == "PATCH" && call.body.size() > 70000) return {413, {}, "", {}};
    util::HttpClient http("test");
    util::HttpRequest request;
    request.method = call.method;
    request.url = "http://" + registry->host() + call.target;
    request.body = call.body;
    for (const char* name : {"content-range", "content-type"}) {
      if (auto header = call.headers.find(name); header != call.headers.end()) request.headers.emplace_back(*header);
    }
    util::HttpResponse response = http.perform(request);
    HttpAnswer answer{response.status, {}, response.body, {}};
    for (const char* name : {"location", "range", "docker-content-digest"}) {
      if (auto value = response.header(name)) {
        std::string text = *value;
        if (std::size_t at = text.find(registry->host()); at != std::string::npos)
          text.erase(0, at + registry->host().size());
        answer.headers.emplace_back(name, text);
      }
    }
    return answer;
  });
  RegistryClient client(std::chrono::milliseconds(1));
  client.push_blob(Reference::parse(proxy.host() + "/app:v1"), descriptor_of(blob), reader_of(blob));
  CHECK(fetch(client, app, descriptor_of(blob)) == blob);
}
