#include "oci/registry_config.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "oci/registry_session.h"
#include "tests/unit/oci/registry_testing.h"
#include "util/error.h"

using namespace test;
using oci::Reference;
using oci::RegistryConfig;
using Purpose = oci::RegistryConfig::Purpose;

namespace {

/// Configuration files in a directory of the test.
struct Files {
  TestDir directory;
  RegistryConfig::Paths paths{
      {directory / "registries.conf", directory / "more.conf"}, {directory / "hosts"}, {directory / "certs"}};

  /// "scheme://authority/path repository" of each location, by blanks; mirrors are marked with a *.
  std::vector<std::string> locations(const std::string& name, Purpose purpose = Purpose::pull) const {
    RegistryConfig config(paths);
    std::vector<std::string> all;
    for (const oci::RegistryLocation& location : config.locations(Reference::parse(name), purpose)) {
      all.push_back((location.mirror ? "*" : "") + location.endpoint.origin() + location.endpoint.path + " " +
                    location.repository);
    }
    return all;
  }
  std::string error(const std::string& name) const {
    try {
      locations(name);
    } catch (const util::Error& error) {
      return error.message();
    }
    return "accepted";
  }
};

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("without configuration there is only the registry itself") {
  Files files;
  CHECK(files.locations("alpine") == Texts{"https://registry-1.docker.io/v2 library/alpine"});
  CHECK(files.locations("localhost:5000/a/b") == Texts{"http://localhost:5000/v2 a/b"});
  CHECK(files.locations("example.com/a@sha256:" + std::string(64, 'a')) == Texts{"https://example.com/v2 a"});
}

TEST_CASE("certificates for a loopback host make it https") {
  Files files;
  files.directory.write("certs/localhost:5000/ca.crt", "x");
  CHECK(files.locations("localhost:5000/a") == Texts{"https://localhost:5000/v2 a"});
  RegistryConfig config(files.paths);
  CHECK(config.upstream(Reference::parse("localhost:5000/a")).endpoint.ca_file ==
        (files.directory / "certs/localhost:5000/ca.crt").string());
}

TEST_CASE("registries.conf: mirrors come first, the location replaces the prefix") {
  Files files;
  files.directory.write("registries.conf", R"(
unqualified-search-registries = ["other.example"]
[[registry]]
prefix = "docker.io"
location = "hub.example/docker"
[[registry.mirror]]
location = "one.example:5000/cache"
[[registry.mirror]]
location = "127.0.0.1:5001"
insecure = true

[[registry]]
prefix = "docker.io/team"
location = "team.example"

[[registry]]
location = "exact.example/one:v1"
blocked = true

[[registry]]
prefix = "*.wild.example"
insecure = true
[[registry.mirror]]
location = "mirror.example/wild"

[[registry]]
prefix = "near.wild.example"
location = "far.example"
)");
  CHECK(files.locations("alpine") == Texts{"*https://one.example:5000/v2 cache/library/alpine",
                                           "*http://127.0.0.1:5001/v2 library/alpine",
                                           "https://hub.example/v2 docker/library/alpine"});
  CHECK(files.locations("docker.io/team/app:v1") == Texts{"https://team.example/v2 app"});
  CHECK(files.locations("docker.io/teamwork/app").size() == 3);
  CHECK(files.locations("exact.example/one:v2") == Texts{"https://exact.example/v2 one"});
  CHECK(files.error("exact.example/one:v1").find("registry `exact.example/one:v1` is blocked by `") == 0);
  CHECK(files.locations("a.b.wild.example:5000/app") ==
        Texts{"*https://mirror.example/v2 wild/app", "https://a.b.wild.example:5000/v2 app"});
  CHECK(files.locations("a.wild.example/app") ==
        Texts{"*https://mirror.example/v2 wild/app", "https://a.wild.example/v2 app"});
  CHECK(files.locations("wild.example/app") == Texts{"https://wild.example/v2 app"});
  CHECK(files.locations("near.wild.example/app") == Texts{"https://far.example/v2 app"});

  RegistryConfig config(files.paths);
  auto location = config.locations(Reference::parse("a.wild.example/app"), Purpose::pull).back();
  CHECK_FALSE(location.endpoint.verify_tls);
  CHECK(location.endpoint.may_be_plain);
  // Pushes keep the name.
  location = config.upstream(Reference::parse("alpine"));
  CHECK(location.endpoint.authority == "registry-1.docker.io");
  CHECK(location.repository == "library/alpine");
  CHECK_THROWS_AS(config.upstream(Reference::parse("exact.example/one:v1")), util::Error);
}

TEST_CASE("registries.conf: what a mirror is used for") {
  Files files;
  files.directory.write("registries.conf", R"(
[[registry]]
location = "a.example"
[[registry.mirror]]
location = "all.example"
[[registry.mirror]]
location = "digests.example"
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "tags.example"
pull-from-mirror = "tag-only"
[[registry]]
location = "b.example"
mirror-by-digest-only = true
[[registry.mirror]]
location = "m.example"
)");
  std::string digest = "@sha256:" + std::string(64, 'a');
  CHECK(files.locations("a.example/x:1", Purpose::resolve) ==
        Texts{"*https://all.example/v2 x", "*https://tags.example/v2 x", "https://a.example/v2 x"});
  CHECK(files.locations("a.example/x" + digest) ==
        Texts{"*https://all.example/v2 x", "*https://digests.example/v2 x", "https://a.example/v2 x"});
  CHECK(files.locations("a.example/x:1").size() == 4);
  CHECK(files.locations("b.example/x:1", Purpose::resolve).size() == 1);
  CHECK(files.locations("b.example/x" + digest).size() == 2);
}

TEST_CASE("registries.conf: a later file replaces a prefix") {
  Files files;
  files.directory.write("registries.conf", "[[registry]]\nlocation = \"a.example\"\nblocked = true\n");
  files.directory.write("more.conf", "[[registry]]\nprefix = \"a.example\"\nlocation = \"b.example\"\n");
  CHECK(files.locations("a.example/x") == Texts{"https://b.example/v2 x"});
}

TEST_CASE("broken configuration is an error with file and line") {
  struct Case {
    std::string text, line, why;
  };
  for (const Case& c : {
           Case{"[[registry]\n", ":1: ", ""},
           Case{"\n\n= 1", ":3: ", ""},
           Case{"[registry]\nlocation = \"x\"", ":1: ", "`registry` must be written as [[registry]]"},
           Case{"[[registry]]\nlocation = 5", ":2: ", "`location` must be a string"},
           Case{"[[registry]]\nblocked = \"yes\"\nlocation = \"x\"", ":2: ", "`blocked` must be true or false"},
           Case{"[[registry]]\nlocation = \"https://x\"", ":2: ", "without a scheme"},
           Case{"[[registry]]\nprefix = \"a.*.example\"", ":2: ", "at its beginning only"},
           Case{"[[registry]]\nprefix = \"*.example/x\"", ":2: ", "with a wildcard"},
           Case{"[[registry]]\nblocked = true", ":1: ", "must have a `location` or a `prefix`"},
           Case{"[[registry]]\nlocation = \"x\"\n[[registry.mirror]]\ninsecure = true", ":3: ", "must be given for a"},
           Case{"[[registry]]\nlocation = \"x\"\n[[registry.mirror]]\nlocation = \"m\"\npull-from-mirror = \"no\"",
                ":5: ", "must be `all`"},
       }) {
    Files files;
    files.directory.write("registries.conf", c.text);
    std::string error = files.error("alpine");
    CAPTURE(c.text);
    CHECK(error.find((files.directory / "registries.conf").string() + c.line) != std::string::npos);
    CHECK(error.find(c.why) != std::string::npos);
  }
}

TEST_CASE("hosts.toml: hosts in the order of the file, the server last") {
  Files files;
  files.directory.write("hosts/docker.io/hosts.toml", R"(
server = "https://registry-1.docker.io"
[host."https://z.example"]
  capabilities = ["pull", "resolve"]
[host."http://a.example:5000/hub"]
  capabilities = ["pull"]
  skip_verify = true
  ca = "ca.pem"
  client = [["c.cert", "/abs/c.key"]]
  [host."http://a.example:5000/hub".header]
    x-token = "abc"
    x-more = ["1", "2"]
[host."https://o.example/api/"]
  override_path = true
)");
  CHECK(files.locations("alpine") ==
        Texts{"*https://z.example/v2 library/alpine", "*http://a.example:5000/hub/v2 library/alpine",
              "*https://o.example/api library/alpine", "https://registry-1.docker.io/v2 library/alpine"});
  CHECK(files.locations("alpine", Purpose::resolve).size() == 3);
  RegistryConfig config(files.paths);
  oci::RegistryEndpoint mirror = config.locations(Reference::parse("alpine"), Purpose::pull)[1].endpoint;
  CHECK(mirror.ns == "docker.io");
  CHECK_FALSE(mirror.verify_tls);
  CHECK(mirror.ca_file == (files.directory / "hosts/docker.io/ca.pem").string());
  CHECK(mirror.client_cert == (files.directory / "hosts/docker.io/c.cert").string());
  CHECK(mirror.client_key == "/abs/c.key");
  CHECK(mirror.headers.size() == 3);
  oci::RegistryEndpoint server = config.upstream(Reference::parse("alpine")).endpoint;
  CHECK(server.name == "docker.io");
  CHECK(server.ns.empty());
}

TEST_CASE("hosts.toml: names of directories, the default, a server elsewhere") {
  Files files;
  files.directory.write("hosts/_default/hosts.toml", "[host.\"https://cache.example\"]\n");
  files.directory.write("hosts/r.example_5000_/hosts.toml", "server = \"HTTP://r.internal\"\nskip_verify = true\n");
  CHECK(files.locations("x.example/a") == Texts{"*https://cache.example/v2 a", "https://x.example/v2 a"});
  CHECK(files.locations("r.example:5000/a") == Texts{"http://r.internal/v2 a"});
  RegistryConfig config(files.paths);
  CHECK(config.upstream(Reference::parse("r.example:5000/a")).endpoint.name == "r.example:5000");
}

TEST_CASE("hosts.toml: what is said about no server is about the usual one") {
  Files files;
  files.directory.write("hosts/docker.io/hosts.toml", "ca = \"x.pem\"\n");
  RegistryConfig config(files.paths);
  oci::RegistryEndpoint server = config.upstream(Reference::parse("alpine")).endpoint;
  CHECK(server.origin() == "https://registry-1.docker.io");
  CHECK(server.ca_file == (files.directory / "hosts/docker.io/x.pem").string());
}

TEST_CASE("hosts.toml: errors") {
  for (auto [text, line, why] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {"server = \"ftp://x\"", ":1: ", "must be an http or https URL"},
           {"server = \"https://me@x/hub\"", ":1: ", "with no more than a path"},
           {"[host.\"https://x?y=z\"]", ":1: ", "with no more than a path"},
           {"[host.\"/x\"]", ":1: ", "must be the URL of a host"},
           {"[host.\"https://a\"]\ncapabilities = [\"fly\"]", ":2: ", "may have `pull`"},
           {"[host.\"https://a\"]\nca = [\"a\", \"b\"]", ":2: ", "must name one file"},
           {"[host.\"https://a\"]\nskip_verify = 1", ":2: ", "must be true or false"},
           {"host = 1", ":1: ", "must be a table"},
       }) {
    Files files;
    files.directory.write("hosts/docker.io/hosts.toml", text);
    std::string error = files.error("alpine");
    CAPTURE(text);
    CHECK(error.find("hosts.toml" + line) != std::string::npos);
    CHECK(error.find(why) != std::string::npos);
  }
}

TEST_CASE("the mirrors of a registry are asked first; what they do not have comes from it") {
  int mirror_status = 404;
  std::string mirror_bytes;
  HttpServer mirror([&](const HttpCall& call) -> HttpAnswer {
    if (mirror_status == 200 && call.target.find("/manifests/") != std::string::npos) return manifest_answer();
    return {mirror_status, {}, mirror_bytes, {}};
  });
  HttpServer upstream([&](const HttpCall& call) -> HttpAnswer {
    if (call.target.find("/manifests/") != std::string::npos) return manifest_answer();
    if (call.target.find("/blobs/") != std::string::npos) return {200, {}, "blob", {}};
    return {404, {}, "", {}};
  });
  DockerConfig anonymous;
  TestDir directory;
  directory.write("registries.conf", "[[registry]]\nlocation = \"" + upstream.host() +
                                         "\"\n[[registry.mirror]]\nlocation = \"" + mirror.host() + "/cache\"\n");
  setenv("CONTAINERS_REGISTRIES_CONF", (directory / "registries.conf").c_str(), 1);
  oci::RegistryClient client(std::chrono::milliseconds(1));
  Reference app = Reference::parse(upstream.host() + "/app:v1");
  oci::Descriptor blob = descriptor_of("blob");

  SUBCASE("not there") {
    CHECK(client.manifest(app).bytes == kManifest);
    CHECK(fetch(client, app, blob) == "blob");
    CHECK(mirror.calls() ==
          Texts{"GET /v2/cache/app/manifests/v1", "GET /v2/cache/app/blobs/" + blob.digest.to_string()});
    CHECK(upstream.calls().size() == 2);
  }
  SUBCASE("there") {
    mirror_status = 200;
    mirror_bytes = "blob";
    CHECK(client.head(app).digest == util::sha256_of(kManifest));
    CHECK(client.manifest(app).bytes == kManifest);
    CHECK(fetch(client, app, blob) == "blob");
    CHECK(upstream.calls().empty());
  }
  SUBCASE("broken: it is given up") {
    mirror_status = 503;
    CHECK(client.manifest(app).bytes == kManifest);
    CHECK(fetch(client, app, blob) == "blob");
    CHECK(mirror.calls().size() == 2);
  }
  SUBCASE("wrong bytes: the next try leaves it out") {
    mirror_status = 200;
    mirror_bytes = "glob";
    CHECK_THROWS_AS(fetch(client, app, blob), oci::DamagedBlob);
    CHECK(fetch(client, app, blob) == "blob");
  }
  SUBCASE("a header for a mirror does not follow a redirect to another host") {
    setenv("BUILDER_CERTS_D", (directory / "hosts").c_str(), 1);
    setenv("CONTAINERS_REGISTRIES_CONF", (directory / "none.conf").c_str(), 1);
    std::string key = "none", elsewhere_key = "nothing";
    HttpServer elsewhere([&](const HttpCall& call) -> HttpAnswer {
      elsewhere_key = call.headers.contains("x-key") ? "sent" : "none";
      return {200, {}, "blob", {}};
    });
    HttpServer sending([&](const HttpCall& call) -> HttpAnswer {
      key = call.headers.at("x-key") + " " + call.target;
      return {307, {{"Location", elsewhere.url("/x")}}, "", {}};
    });
    directory.write("hosts/" + upstream.host() + "/hosts.toml",
                    "[host.\"" + sending.url("") + "\"]\n[host.\"" + sending.url("") + "\".header]\nX-Key = \"k\"\n");
    oci::RegistryClient other(std::chrono::milliseconds(1));
    CHECK(fetch(other, app, blob) == "blob");
    CHECK(key == "k /v2/app/blobs/" + blob.digest.to_string() + "?ns=" + oci::percent_encode(upstream.host()));
    CHECK(elsewhere_key == "none");
    unsetenv("BUILDER_CERTS_D");
  }
  SUBCASE("pushes and checks go to the registry") {
    mirror_status = 200;
    CHECK(client.has_blob(app, blob.digest));
    client.push_manifest(app, manifest_of(kManifest));
    CHECK(mirror.calls().empty());
  }
  unsetenv("CONTAINERS_REGISTRIES_CONF");
}
