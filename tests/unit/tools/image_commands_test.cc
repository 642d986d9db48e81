#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tests/support/local_images.h"
#include "tools/images/history.h"
#include "tools/images/image_diff.h"
#include "tools/images/image_filter.h"
#include "tools/images/image_rows.h"
#include "tools/images/info.h"
#include "tools/images/inspect.h"
#include "util/error.h"

using builder::ImageFilter;
using builder::ImageView;
using Json = nlohmann::ordered_json;
using Store = test::LocalImages;

namespace {

oci::Descriptor labelled(Store& store, const std::string& created, const std::string& label) {
  oci::ImageConfig config;
  config.created = created;
  config.labels["kind"] = label;
  return store.image(config, {test::layer_tar("file", label)});
}

/// "repository:tag" of each line.
std::vector<std::string> shown(const ImageView& view, const std::vector<std::string>& filters,
                               const std::string& pattern = "") {
  std::vector<std::string> lines;
  for (const Json& row : builder::image_rows(view, ImageFilter(view, filters, pattern), false, false))
    lines.push_back(row["Repository"].get<std::string>() + ":" + row["Tag"].get<std::string>());
  return lines;
}

using Lines = std::vector<std::string>;

oci::LayerEntry entry(const std::string& path, const std::string& content) {
  oci::LayerEntry made;
  made.path = path;
  made.mode = 0644;
  made.size = content.size();
  made.content = util::sha256_of(content);
  return made;
}

builder::DiffLayer layer(const std::string& id, const std::string& created_by, std::vector<oci::LayerEntry> entries) {
  builder::DiffLayer made;
  made.diff_id = util::sha256_of(id);
  made.created_by = created_by;
  oci::sort_entries(entries);
  made.listing = std::make_shared<const std::vector<oci::LayerEntry>>(std::move(entries));
  return made;
}

}  // namespace

TEST_CASE("images shows what its filters let through") {
  Store store;
  store.tag("app:1", labelled(store, "2024-01-01T00:00:00Z", "old"));
  store.tag("me/app:2", labelled(store, "2025-01-01T00:00:00Z", "new"));
  store.cache.images().add_untagged(labelled(store, "2024-06-01T00:00:00Z", "none"));
  const ImageView view = store.view();
  CHECK(shown(view, {}) == Lines{"me/app:2", "<none>:<none>", "app:1"});
  CHECK(shown(view, {"dangling=true"}) == Lines{"<none>:<none>"});
  CHECK(shown(view, {"dangling=false"}) == Lines{"me/app:2", "app:1"});
  CHECK(shown(view, {"label=kind"}).size() == 3);
  CHECK(shown(view, {"label=kind=old"}) == Lines{"app:1"});
  CHECK(shown(view, {"label=kind=old", "label=other"}).empty());
  CHECK(shown(view, {"before=me/app:2", "dangling=false"}) == Lines{"app:1"});
  CHECK(shown(view, {"since=app:1"}) == Lines{"me/app:2", "<none>:<none>"});
  CHECK(shown(view, {"until=2024-03-01"}) == Lines{"app:1"});
  CHECK(shown(view, {"until=24h"}).size() == 3);
  CHECK(shown(view, {"reference=me/*"}) == Lines{"me/app:2"});
  CHECK(shown(view, {"reference=*:1", "reference=me/app:2"}) == Lines{"me/app:2", "app:1"});
  CHECK(shown(view, {}, "app") == Lines{"app:1"});
  CHECK(shown(view, {}, "*/app") == Lines{"me/app:2"});
  CHECK(shown(view, {}, "app:2").empty());
  CHECK(shown(view, {}, "docker.io/library/app:1") == Lines{"app:1"});
}

TEST_CASE("A filter that is none is refused") {
  Store store;
  const ImageView view = store.view();
  for (const char* filter : {"", "dangling", "dangling=maybe", "colour=red", "until=tomorrow", "before=absent"}) {
    CAPTURE(filter);
    CHECK_THROWS_AS(ImageFilter(view, std::vector<std::string>{filter}, ""), util::Error);
  }
}

TEST_CASE("A line of images has docker's fields") {
  Store store;
  const oci::Descriptor image = labelled(store, "2024-01-01T10:20:30.5Z", "x");
  store.tag("localhost:5000/app", image);
  const ImageView view = store.view();
  const ImageFilter all(view, {}, "");
  const Json row = builder::image_rows(view, all, true, false).at(0);
  CHECK(row["Repository"] == "localhost:5000/app");
  CHECK(row["Tag"] == "latest");
  CHECK(row["ID"] == view.images()[0].id().short_hex());
  CHECK(row["Digest"] == image.digest.to_string());
  CHECK(row["CreatedAt"] == "2024-01-01 10:20:30 +0000 UTC");
  CHECK(row["CreatedSince"].get<std::string>().ends_with(" ago"));
  CHECK(row["Size"] == "1B");
  CHECK(builder::image_rows(view, all, false, true).at(0)["ID"] == view.images()[0].id().to_string());
  CHECK(builder::image_rows(view, all, false, true).at(0)["Digest"] == "<none>");
}

TEST_CASE("An image that does not say when it was made has no age") {
  Store store;
  store.tag("app", store.image({}, {}));
  const ImageView view = store.view();
  const Json row = builder::image_rows(view, ImageFilter(view, {}, ""), false, false).at(0);
  CHECK(row["CreatedSince"] == "N/A");
  CHECK(row["Size"] == "0B");
}

TEST_CASE("history tells instructions, the last first, with the sizes of those that made a layer") {
  Store store;
  oci::ImageConfig config;
  config.history = {{"2024-01-01T00:00:00Z", "COPY a /a # buildkit", "", "buildkit.dockerfile.v0", false},
                    {"2024-01-01T00:00:00Z", "ENV A=1", "", "buildkit.dockerfile.v0", true},
                    {"", "RUN /bin/sh -c a\tvery long instruction that does not fit into the column", "", "", false}};
  store.tag("app", store.image(config, {test::layer_tar("a", std::string(1000, 'a')), test::layer_tar("b", "bb")}));
  const ImageView view = store.view();
  const auto rows = builder::history_rows(view, view.find_platform("app", ""), {});
  REQUIRE(rows.size() == 3);
  CHECK(rows[0]["ID"] == view.images()[0].id().short_hex());
  CHECK(rows[0]["Size"] == "2B");
  CHECK(rows[0]["CreatedBy"] == "RUN /bin/sh -c a very long instruction that …");
  CHECK(rows[0]["CreatedSince"] == "N/A");
  CHECK(rows[1]["ID"] == "<missing>");
  CHECK(rows[1]["Size"] == "0B");
  CHECK(rows[1]["Comment"] == "buildkit.dockerfile.v0");
  CHECK(rows[2]["Size"] == "1kB");
  const auto exact = builder::history_rows(view, view.find_platform("app", ""), {false, true});
  CHECK(exact[2]["Size"] == "1000");
  CHECK(exact[2]["CreatedSince"] == "2024-01-01T00:00:00Z");
  CHECK(exact[0]["CreatedBy"].get<std::string>().ends_with("into the column"));
}

TEST_CASE("inspect has docker's names, and keeps what it does not know") {
  Store store;
  oci::ImageConfig config;
  config.created = "2024-01-01T00:00:00Z";
  config.platform = oci::Platform::parse("linux/arm64/v8");
  config.cmd = {"/bin/sh"};
  config.labels["a"] = "b";
  config.unknown_config = R"({"Memory":7})";
  config.history = {{"", "CMD x", "", "a comment", true}};
  const oci::Descriptor image = store.image(config, {test::layer_tar("a", "12345")});
  store.tag("app:1", image);
  const ImageView view = store.view();
  const Json shown = builder::inspect_image(view, view.images()[0], *view.images()[0].platform());
  CHECK(shown["Id"] == view.images()[0].id().to_string());
  CHECK(shown["RepoTags"] == Json{"app:1"});
  CHECK(shown["RepoDigests"] == Json{"app@" + image.digest.to_string()});
  CHECK(shown["Comment"] == "a comment");
  CHECK(shown["Architecture"] == "arm64");
  CHECK(shown["Size"] == 5);
  CHECK(shown["RootFS"]["Type"] == "layers");
  CHECK(shown["RootFS"]["Layers"].size() == 1);
  CHECK(shown["Config"]["Cmd"] == Json{"/bin/sh"});
  CHECK(shown["Config"]["Labels"]["a"] == "b");
  CHECK(shown["Config"]["Memory"] == 7);
  CHECK(shown["Config"]["Entrypoint"].is_null());
  CHECK(shown["Descriptor"]["digest"] == image.digest.to_string());
}

TEST_CASE("A platform that is not here is said to be so") {
  Store store;
  store.tag("app", store.manifest("2024-01-01T00:00:00Z", "x"));
  const ImageView view = store.view();
  CHECK(&view.find_platform("app", "linux/amd64") == view.images()[0].platform());
  CHECK_THROWS_AS(view.find_platform("app", "linux/s390x"), util::Error);
  CHECK_THROWS_AS(view.find_platform("app", "no/such/plat/form"), util::Error);
}

TEST_CASE("diff names config fields, layers, and files with the instruction behind them") {
  builder::DiffSide from, to;
  from.config = R"({"architecture":"amd64","config":{"Cmd":["a"],"Env":["A=1","B=2"],"Labels":{"x":"1"}}})";
  to.config = R"({"architecture":"amd64","config":{"Cmd":["b"],"Env":["A=1","B=3"],"Volumes":{"/v":{}}}})";
  const auto base =
      layer("base", "FROM", {entry("kept", "k"), entry("changed", "1"), entry("gone", "g"), entry("rights", "r")});
  from.layers = {base, layer("old", "COPY old", {entry("old", "o")})};
  oci::LayerEntry whiteout;
  whiteout.kind = oci::LayerEntry::Kind::whiteout;
  whiteout.path = "gone";
  oci::LayerEntry rights = entry("rights", "r");
  rights.mode = 0755;
  to.layers = {base, layer("new", "COPY new", {entry("added", "new"), entry("changed", "22"), rights}),
               layer("rm", "RUN rm", {whiteout})};

  const Json diff = builder::diff_images(from, to);
  std::string config;
  for (const Json& change : diff["Config"])
    config += change["Field"].get<std::string>() + "=" + change["From"].dump() + ">" + change["To"].dump() + " ";
  CHECK(config == "Cmd=[\"a\"]>[\"b\"] Env.B=\"2\">\"3\" Labels.x=\"1\">null Volumes./v=null>{} ");
  CHECK(diff["Layers"]["Common"] == 1);
  CHECK(diff["Layers"]["Removed"].size() == 1);
  CHECK(diff["Layers"]["Added"].size() == 2);
  std::string files;
  for (const Json& file : diff["Files"])
    files += file["Change"].get<std::string>() + " " + file["Path"].get<std::string>() + " " + file["What"].dump() +
             " " + file["CreatedBy"].get<std::string>() + "\n";
  CHECK(files ==
        "added /added [] COPY new\n"
        "changed /changed [\"content\"] COPY new\n"
        "removed /gone [] RUN rm\n"
        "removed /old [] COPY old\n"
        "changed /rights [\"mode\"] COPY new\n");
  CHECK(builder::has_differences(diff));
  CHECK_FALSE(builder::has_differences(builder::diff_images(from, from)));
  const std::string text = builder::describe_diff(diff);
  CHECK(text.find("Files: 1 added, 2 changed, 2 removed\n") != std::string::npos);
  CHECK(text.find("  COPY new\n    A /added  3B\n    C /changed  (content)  1B -> 2B\n    C /rights  (mode)\n") !=
        std::string::npos);
  CHECK(builder::describe_diff(builder::diff_images(from, from)).find("Files: the same") != std::string::npos);
}

TEST_CASE("The ids of a user namespace are counted") {
  CHECK(builder::mapped_ids("         0       1000          1\n         1     100000      65536\n") == 65537);
  CHECK(builder::mapped_ids("") == 0);
}
