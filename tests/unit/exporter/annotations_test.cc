#include "exporter/annotations.h"

#include <doctest/doctest.h>

#include "util/error.h"

using exporter::parse_annotation_key;

namespace {

exporter::ExportRequest request_for(const std::vector<std::string>& platforms, const std::string& annotation) {
  exporter::ExportRequest request;
  for (const std::string& platform : platforms)
    request.images.push_back({oci::Platform::parse(platform), {}, {}, 0, {}});
  request.output.annotations[annotation] = "v";
  return request;
}

}  // namespace

TEST_CASE("targets stand before the key, the manifest is the default") {
  CHECK(parse_annotation_key("org.x").targets == std::set<std::string>{"manifest"});
  CHECK(parse_annotation_key("org.x").key == "org.x");
  exporter::AnnotationKey key = parse_annotation_key("index,manifest[linux/arm64]:org.x");
  CHECK(key.targets == std::set<std::string>{"index", "manifest"});
  CHECK(key.platform->architecture == "arm64");
  CHECK(key.key == "org.x");
}

TEST_CASE("a colon in a key is no target") {
  CHECK(parse_annotation_key("com.example:thing").key == "com.example:thing");
  CHECK(parse_annotation_key("manifest[not/a/real/platform/x]:k").key == "manifest[not/a/real/platform/x]:k");
  CHECK(parse_annotation_key("index:").key == "index:");
}

TEST_CASE("annotations of a platform win over those for all") {
  exporter::OutputSpec output;
  output.annotations = {{"a", "all"}, {"b", "all"}, {"manifest[linux/arm64]:a", "arm"}, {"index:c", "index"}};
  oci::Platform arm = oci::Platform::parse("linux/arm64"), amd = oci::Platform::parse("linux/amd64");
  CHECK(exporter::annotations_for(output, "manifest", &arm).at("a") == "arm");
  CHECK(exporter::annotations_for(output, "manifest", &amd).at("a") == "all");
  CHECK(exporter::annotations_for(output, "manifest", &amd).size() == 2);
  CHECK(exporter::annotations_for(output, "index", nullptr) == std::map<std::string, std::string>{{"c", "index"}});
}

TEST_CASE("annotations that have nowhere to go are refused") {
  CHECK_NOTHROW(exporter::check_annotations(request_for({"linux/amd64", "linux/arm64"}, "index:a")));
  CHECK_THROWS_AS(exporter::check_annotations(request_for({"linux/amd64"}, "index:a")), util::Error);
  CHECK_THROWS_AS(exporter::check_annotations(request_for({"linux/amd64"}, "manifest[linux/arm64]:a")), util::Error);
}
