#include "oci/image.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "util/error.h"

using oci::ImageConfig;

namespace {

const std::string kA = "sha256:" + std::string(64, 'a');
const std::string kB = "sha256:" + std::string(64, 'b');

template <typename F>
std::string refusal(F&& parse) {
  try {
    parse();
  } catch (const util::Error& error) {
    return error.message();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("a config is written compact, top-level keys sorted, the run part in Go's order") {
  ImageConfig config;
  config.created = "2024-05-01T12:00:00Z";
  config.author = "me";
  config.platform = {"linux", "arm", "v7", ""};
  config.user = "app";
  config.exposed_ports = {"80/tcp", "443/tcp"};
  config.env = {"PATH=/bin", "A=<b>&c"};
  config.entrypoint = {{"/init"}};
  config.cmd = {{"a", "b"}};
  config.volumes = {"/data"};
  config.working_dir = "/w";
  config.labels = {{"z", "1"}, {"a", "2"}};
  config.stop_signal = "SIGINT";
  config.healthcheck = oci::Healthcheck{{"CMD", "true"}, 1000000000, 0, 0, 0, 3};
  config.on_build = {"RUN x"};
  config.shell = {{"/bin/sh", "-c"}};
  config.diff_ids = {util::Digest::parse(kA)};
  config.history = {{"2024-05-01T12:00:00Z", "RUN x", "", "buildkit.dockerfile.v0", false},
                    {"", "CMD [\"a\"]", "", "", true}};
  CHECK(
      oci::to_json_text(config) ==
      R"({"architecture":"arm","author":"me","config":{"User":"app","ExposedPorts":{"443/tcp":{},"80/tcp":{}},)"
      R"("Env":["PATH=/bin","A=\u003cb\u003e\u0026c"],"Entrypoint":["/init"],"Cmd":["a","b"],"Volumes":{"/data":{}},)"
      R"("WorkingDir":"/w","Labels":{"a":"2","z":"1"},"StopSignal":"SIGINT",)"
      R"("Healthcheck":{"Test":["CMD","true"],"Interval":1000000000,"Retries":3},"OnBuild":["RUN x"],"Shell":["/bin/sh","-c"]},)"
      R"("created":"2024-05-01T12:00:00Z","history":[{"created":"2024-05-01T12:00:00Z","created_by":"RUN x",)"
      R"("comment":"buildkit.dockerfile.v0"},{"created_by":"CMD [\"a\"]","empty_layer":true}],"os":"linux",)"
      R"("rootfs":{"type":"layers","diff_ids":[")" +
          kA + R"("]},"variant":"v7"})");
}

TEST_CASE("empty members of a config are left out") {
  ImageConfig config;
  config.entrypoint.emplace();
  CHECK(oci::to_json_text(config) ==
        R"({"architecture":"amd64","config":{},"history":[],"os":"linux","rootfs":{"type":"layers","diff_ids":[]}})");
}

TEST_CASE("strings are escaped as Go does, and invalid UTF-8 is replaced") {
  ImageConfig config;
  config.author =
      "q\" b\\ \x01\x7f\n\t \xe2\x80\xa8 \xe2\x80\xa9 \xc3\xa9 \xf0\x9f\x98\x80 [\xff] [\xe2\x82] [\xed\xa0\x80] "
      "[\xc0\x80]";
  std::string text = oci::to_json_text(config);
  std::string expected =
      "\"author\":\"q\\\" b\\\\ \\u0001\x7f\\n\\t \\u2028 \\u2029 \xc3\xa9 \xf0\x9f\x98\x80 [\\ufffd] "
      "[\\ufffd\\ufffd] [\\ufffd\\ufffd\\ufffd] [\\ufffd\\ufffd]\"";
  CHECK(text.find(expected) != std::string::npos);
}

TEST_CASE("a config that was read is written the same, with the fields we do not know") {
  std::string text =
      R"({"architecture":"amd64","config":{"User":"u","Env":["A=1"],"Memory":5},"created":"2024-01-01T00:00:00Z",)"
      R"("history":[],"os":"linux","os.features":["f"],"rootfs":{"type":"layers","diff_ids":[")" +
      kA + R"("]},"x.new":{"b":1,"a":[null]}})";
  // Unknown objects come back with their keys sorted.
  std::string expected = text;
  expected.replace(expected.find(R"({"b":1,"a":[null]})"), 18, R"({"a":[null],"b":1})");
  CHECK(oci::to_json_text(oci::image_config_from_json(text)) == expected);
}

TEST_CASE("what Docker's classic builder wrote about its container is not inherited") {
  ImageConfig config = oci::image_config_from_json(
      R"({"architecture":"amd64","os":"linux","container":"abc","container_config":{"Cmd":["x"]},"docker_version":"20.10",)"
      R"("config":{"Hostname":"h","Tty":false,"Image":"sha256:1","Cmd":["sh"]},"moby.buildkit.cache.v0":"e30=",)"
      R"("rootfs":{"type":"layers","diff_ids":null}})");
  CHECK(
      oci::to_json_text(config) ==
      R"({"architecture":"amd64","config":{"Cmd":["sh"]},"history":[],"os":"linux","rootfs":{"type":"layers","diff_ids":[]}})");
}

TEST_CASE("nulls are tolerated, wrong types are refused with the field") {
  ImageConfig config = oci::image_config_from_json(
      R"({"config":{"Env":null,"Cmd":null,"Labels":null,"Volumes":null,"Healthcheck":null},"history":null,"rootfs":null})");
  CHECK_FALSE(config.cmd);
  CHECK(config.env.empty());
  CHECK(oci::image_config_from_json(R"({"config":null})").env.empty());
  auto refused = [](const char* text) { return refusal([&] { oci::image_config_from_json(text); }); };
  CHECK(refused(R"({"config":{"Env":"A=1"}})") == "parse image config: config.Env: must be an array of strings");
  CHECK(refused(R"({"config":{"Labels":{"a":1}}})") ==
        "parse image config: config.Labels: must be an object of strings");
  CHECK(refused(R"({"config":{"Healthcheck":{"Interval":1.5}}})") ==
        "parse image config: config.Healthcheck.Interval: must be an integer");
  CHECK(refused(R"({"history":[{"empty_layer":"yes"}]})") ==
        "parse image config: history[0].empty_layer: must be true or false");
  CHECK(refused(R"({"rootfs":{"diff_ids":["nonsense"]}})") ==
        "parse image config: rootfs.diff_ids: `nonsense` is not a digest");
  CHECK(refused("[]") == "parse image config: not a JSON object");
  CHECK(refused("{") == "parse image config: invalid JSON at byte 2");
  std::string bomb = R"({"x":)" + std::string(1 << 20, '[');
  CHECK(refused(bomb.c_str()) == "parse image config: nested too deeply");
}

TEST_CASE("a manifest is written indented in Go's order") {
  oci::Manifest manifest;
  manifest.media_type = oci::kOciManifest;
  manifest.config = {std::string(oci::kOciConfig), util::Digest::parse(kA), 2, {}, {}, {}};
  manifest.layers = {
      {oci::layer_media_type(util::Compression::gzip), util::Digest::parse(kB), 3, {{"k", "v"}}, {}, {}}};
  std::string text = oci::to_json_text(manifest);
  CHECK(text == R"({
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.manifest.v1+json",
  "config": {
    "mediaType": "application/vnd.oci.image.config.v1+json",
    "digest": ")" + kA +
                    R"(",
    "size": 2
  },
  "layers": [
    {
      "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
      "digest": ")" +
                    kB + R"(",
      "size": 3,
      "annotations": {
        "k": "v"
      }
    }
  ]
})");
  CHECK(oci::to_json_text(oci::manifest_from_json(text)) == text);
  CHECK(refusal([] { oci::manifest_from_json("{}"); }) == "parse manifest: config: missing");
  CHECK(refusal([&] { oci::manifest_from_json(R"({"config":{"digest":")" + kA + R"(","size":1},"layers":[{}]})"); }) ==
        "parse manifest: layers[0].digest: missing");
}

TEST_CASE("an index gives the entry of the platform and never an attestation") {
  auto entry = [](const std::string& digest, const char* platform) {
    return oci::Descriptor{
        std::string(oci::kOciManifest), util::Digest::parse(digest), 1, {}, oci::Platform::parse(platform), {}};
  };
  oci::ImageIndex index;
  index.media_type = oci::kOciIndex;
  index.manifests = {entry(kA, "linux/arm/v6"), entry(kB, "linux/amd64")};
  oci::Descriptor attestation = entry(kA, "linux/amd64");
  attestation.annotations["vnd.docker.reference.type"] = "attestation-manifest";
  index.manifests.insert(index.manifests.begin(), attestation);
  CHECK(oci::select_platform(index, oci::Platform::parse("linux/amd64")) == &index.manifests[2]);
  CHECK(oci::select_platform(index, oci::Platform::parse("linux/arm/v7")) == &index.manifests[1]);
  CHECK(oci::select_platform(index, oci::Platform::parse("linux/s390x")) == nullptr);
  index.manifests[0].annotations.clear();
  index.manifests[0].platform.reset();
  CHECK(oci::select_platform(index, oci::Platform::parse("linux/s390x")) == &index.manifests[0]);
  CHECK(oci::select_platform(index, oci::Platform::parse("linux/amd64")) == &index.manifests[2]);
  CHECK(oci::to_json_text(oci::image_index_from_json(oci::to_json_text(index))) == oci::to_json_text(index));
}

TEST_CASE("the kind of a manifest is found, schema 1 is refused") {
  CHECK(oci::manifest_media_type("{}", "application/vnd.oci.image.index.v1+json; charset=utf-8") == oci::kOciIndex);
  CHECK(oci::manifest_media_type(R"({"mediaType":"application/vnd.docker.distribution.manifest.v2+json"})",
                                 "text/plain") == oci::kDockerManifest);
  CHECK(oci::manifest_media_type(R"({"manifests":[]})") == oci::kOciIndex);
  CHECK(oci::manifest_media_type(R"({"config":{},"layers":[]})") == oci::kOciManifest);
  CHECK(refusal([] { oci::manifest_media_type(R"({"schemaVersion":1,"fsLayers":[]})"); }) ==
        "docker image manifest schema 1 is not supported");
  CHECK(refusal([] { oci::manifest_media_type("{}", "text/html"); }) == "unknown manifest type `text/html`");
}
