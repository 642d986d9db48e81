#include "source/http_source.h"

#include <doctest/doctest.h>

#include "cache/tree.h"
#include "source/http_facts.h"
#include "tests/support/http_server.h"
#include "tests/support/test_dir.h"
#include "util/error.h"

namespace {

constexpr const char* kDate = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr std::int64_t kDateSeconds = 784111777;

struct Stores {
  test::TestDir directory;
  cache::ContentStore content{directory.path() / "oci", directory.path()};
  cache::RecordStore records{directory.path() / "cache.db"};
};

llb::HttpSource file_at(const std::string& url) {
  llb::HttpSource op;
  op.url = url;
  op.filename = "f";
  return op;
}

/// As a build does it: with a source of its own.
std::shared_ptr<const cache::Tree> load(Stores& stores, const llb::HttpSource& op, source::SecretLookup secrets = nullptr) {
  source::HttpSource source(stores.content, stores.records, "builder/test", std::move(secrets));
  const source::Pin pin = source.pin(op, nullptr, {});
  return source.fetch(op, pin, nullptr, {}).tree;
}

std::string text_of(const cache::Tree& tree) {
  return util::read_all(*tree.open("f"));
}

/// Serves "one" with an ETag and answers 304 to those who have it.
test::HttpAnswer with_etag(const test::HttpCall& call) {
  const auto known = call.headers.find("if-none-match");
  if (known != call.headers.end() && known->second == "\"v1\"") return {304, {{"ETag", "\"v1\""}}, "", {}};
  return {200, {{"ETag", "\"v1\""}, {"Last-Modified", kDate}}, call.method == "HEAD" ? "" : "one", {}};
}

}  // namespace

TEST_CASE("a download is one file with the name, mode and owner that are asked for and the time the server says") {
  Stores stores;
  test::HttpServer server(with_etag);
  const auto tree = load(stores, file_at(server.url("/x")));
  REQUIRE(tree != nullptr);
  const auto entry = tree->find("f");
  REQUIRE(entry);
  CHECK(entry->mode == 0600);
  CHECK(entry->uid == 0);
  CHECK(entry->mtime == kDateSeconds * 1'000'000'000);
  CHECK(entry->content == util::sha256_of("one"));
  CHECK(text_of(*tree) == "one");
  CHECK(tree->list("") == std::vector<std::string>{"f"});
}

TEST_CASE("without Last-Modified a download is of the epoch") {
  Stores stores;
  test::HttpServer server([](const test::HttpCall&) { return test::HttpAnswer{200, {}, "x", {}}; });
  CHECK(load(stores, file_at(server.url("/x")))->find("f")->mtime == 0);
}

TEST_CASE("a URL with an ETag is transferred once, a later build asks with HEAD") {
  Stores stores;
  test::HttpServer server(with_etag);
  load(stores, file_at(server.url("/x")));
  const auto tree = load(stores, file_at(server.url("/x")));
  CHECK(server.calls() == std::vector<std::string>{"GET /x", "HEAD /x"});
  CHECK(text_of(*tree) == "one");
  CHECK(tree->find("f")->mtime == kDateSeconds * 1'000'000'000);
}

TEST_CASE("a server that has no HEAD is asked with a conditional GET") {
  Stores stores;
  test::HttpServer server([](const test::HttpCall& call) {
    return call.method == "HEAD" ? test::HttpAnswer{405, {}, "", {}} : with_etag(call);
  });
  load(stores, file_at(server.url("/x")));
  CHECK(text_of(*load(stores, file_at(server.url("/x")))) == "one");
  CHECK(server.calls() == std::vector<std::string>{"GET /x", "HEAD /x", "GET /x"});
}

TEST_CASE("changed content is loaded anew") {
  Stores stores;
  int version = 1;
  test::HttpServer server([&](const test::HttpCall&) {
    return test::HttpAnswer{200, {{"ETag", "\"" + std::to_string(version) + "\""}}, "v" + std::to_string(version), {}};
  });
  CHECK(text_of(*load(stores, file_at(server.url("/x")))) == "v1");
  version = 2;
  CHECK(text_of(*load(stores, file_at(server.url("/x")))) == "v2");
}

TEST_CASE("Last-Modified serves as validator when there is no ETag") {
  Stores stores;
  test::HttpServer server([](const test::HttpCall& call) {
    if (call.headers.contains("if-modified-since")) return test::HttpAnswer{304, {}, "", {}};
    return test::HttpAnswer{200, {{"Last-Modified", kDate}}, "x", {}};
  });
  load(stores, file_at(server.url("/x")));
  load(stores, file_at(server.url("/x")));
  CHECK(server.calls() == std::vector<std::string>{"GET /x", "HEAD /x"});
}

TEST_CASE("a demanded checksum is verified, and needs no request when the content is here") {
  Stores stores;
  test::HttpServer server(with_etag);
  llb::HttpSource op = file_at(server.url("/x"));
  op.checksum = util::sha256_of("other");
  CHECK_THROWS_WITH_AS(load(stores, op), doctest::Contains("digest mismatch"), util::Error);
  CHECK_FALSE(stores.content.contains(util::sha256_of("one")));
  op.checksum = util::sha256_of("one");
  load(stores, op);
  load(stores, op);
  CHECK(server.calls() == std::vector<std::string>{"GET /x", "GET /x"});
}

TEST_CASE("an answer other than 2xx is an error that names the URL without its credentials") {
  Stores stores;
  test::HttpServer server([](const test::HttpCall&) { return test::HttpAnswer{404, {}, "nothing here", {}}; });
  const std::string url = "http://me:hidden@" + server.host() + "/x";
  try {
    load(stores, file_at(url));
    FAIL("no error");
  } catch (const util::Error& error) {
    CHECK(error.message() == "download `" + server.url("/x") + "`: the server answered with status 404");
  }
}

TEST_CASE("secrets for the host become the Authorization header") {
  Stores stores;
  std::string seen;
  test::HttpServer server([&](const test::HttpCall& call) {
    const auto found = call.headers.find("authorization");
    seen = found == call.headers.end() ? "" : found->second;
    return test::HttpAnswer{200, {}, "x", {}};
  });
  load(stores, file_at(server.url("/x")), [&](const std::string& id) -> std::optional<std::string> {
    if (id == "HTTP_AUTH_TOKEN_" + server.host()) return "abc\n";
    return std::nullopt;
  });
  CHECK(seen == "Bearer abc");
  load(stores, file_at(server.url("/x")), [&](const std::string& id) -> std::optional<std::string> {
    if (id == "HTTP_AUTH_HEADER_127.0.0.1") return "Basic eHk=";
    return std::nullopt;
  });
  CHECK(seen == "Basic eHk=");
}

TEST_CASE("a cut download is an error and leaves nothing behind") {
  Stores stores;
  test::HttpServer server([](const test::HttpCall&) { return test::HttpAnswer{200, {}, "0123456789", 4}; });
  CHECK_THROWS_AS(load(stores, file_at(server.url("/x"))), util::Error);
  CHECK_FALSE(stores.content.contains(util::sha256_of("0123")));
}

TEST_CASE("adopted bytes are answered without a request") {
  Stores stores;
  source::HttpSource source(stores.content, stores.records, "builder/test");
  const llb::HttpSource op = source.adopt(stores.content.put("archive"), "context");
  const auto tree = source.fetch(op, source.pin(op, nullptr, {}), nullptr, {}).tree;
  CHECK(util::read_all(*tree->open("context")) == "archive");
}

TEST_CASE("all three forms of an HTTP date are understood") {
  CHECK(source::parse_http_date(kDate) == kDateSeconds);
  CHECK(source::parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT") == kDateSeconds);
  CHECK(source::parse_http_date("Sun Nov  6 08:49:37 1994") == kDateSeconds);
  CHECK_FALSE(source::parse_http_date("yesterday"));
  CHECK_FALSE(source::parse_http_date(""));
}

TEST_CASE("a server that is busy for a moment, and a body that is cut, are asked again") {
  Stores stores;
  int calls = 0;
  test::HttpServer server([&](const test::HttpCall&) -> test::HttpAnswer {
    switch (++calls) {
      case 1:
        return {503, {}, "busy", {}};
      case 2:
        return {200, {}, "whole", 2};
      case 3:
        return {429, {{"Retry-After", "0"}}, "", {}};
      default:
        return {200, {}, "whole", {}};
    }
  });
  CHECK(text_of(*load(stores, file_at(server.url("/x")))) == "whole");
  CHECK(calls == 4);
}

TEST_CASE("what will not be different the next time is not asked for again") {
  for (const int status : {400, 401, 404, 410}) {
    CAPTURE(status);
    Stores stores;
    test::HttpServer server([&](const test::HttpCall&) -> test::HttpAnswer { return {status, {}, "", {}}; });
    CHECK_THROWS_AS(load(stores, file_at(server.url("/x"))), util::Error);
    CHECK(server.calls().size() == 1);
  }
}

TEST_CASE("the time of a download is what the server says") {
  Stores stores;
  test::HttpServer server(with_etag);
  source::HttpSource source(stores.content, stores.records, "builder/test");
  CHECK(source.last_modified(file_at(server.url("/x")), {}) == kDateSeconds);
  test::HttpServer without([](const test::HttpCall&) -> test::HttpAnswer { return {200, {}, "x", {}}; });
  CHECK_FALSE(source.last_modified(file_at(without.url("/x")), {}));
}
