#include "llb/codec.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

namespace {

llb::ExecOp sample_exec() {
  llb::ExecOp op;
  op.args = {"/bin/sh", "-c", "make"};
  op.env = {"PATH=/bin"};
  return op;
}

}  // namespace

TEST_CASE("canonical form has sorted keys and no defaults") {
  CHECK(llb::canonical_json(sample_exec()) ==
        R"({"args":["/bin/sh","-c","make"],"env":["PATH=/bin"],"platform":"linux/amd64","type":"exec"})");
  llb::MkdirAction mkdir;
  mkdir.path = "/a";
  CHECK(llb::canonical_json(llb::FileOp{{mkdir}}) == R"({"actions":[{"action":"mkdir","path":"/a"}],"type":"file"})");
  CHECK(llb::canonical_json(llb::MergeOp{}) == R"({"type":"merge"})");
}

TEST_CASE("what is not in the key does not change an op's digest") {
  llb::ExecOp plain = sample_exec();
  llb::ExecOp other = plain;
  other.proxy_env = {"HTTP_PROXY=http://secret@proxy"};
  CHECK(llb::op_digest(plain) == llb::op_digest(other));
  plain.extra_hosts = {{"db", "10.0.0.1"}};
  other.extra_hosts = {{"db", "10.0.0.2"}};
  CHECK(llb::op_digest(plain) == llb::op_digest(other));
  other.extra_hosts = {{"web", "10.0.0.1"}};
  CHECK(llb::op_digest(plain) != llb::op_digest(other));
}

TEST_CASE("an image is identified by its manifest, not by where it comes from") {
  llb::ImageSource one;
  one.manifest = util::sha256_of("m");
  one.location.reference = "docker.io/library/debian:bookworm";
  llb::ImageSource two = one;
  two.location.kind = oci::ImageLocation::Kind::layout;
  two.location.layout_path = "/somewhere";
  CHECK(llb::op_digest(one) == llb::op_digest(two));
  two.platform.architecture = "arm64";
  CHECK(llb::op_digest(one) != llb::op_digest(two));
}

TEST_CASE("every member of a file action enters the digest") {
  llb::CopyAction base;
  base.source = "/a";
  base.destination = "/b";
  std::vector<llb::CopyAction> variants(10, base);
  variants[1].input = 2;
  variants[2].owner = llb::Owner{"1:1"};
  variants[3].mode = "755";
  variants[4].exclude = {"x"};
  variants[5].allow_wildcard = false;
  variants[6].allow_empty_wildcard = false;
  variants[7].contents_only = false;
  variants[8].unpack = true;
  variants[9].parents = true;
  for (std::size_t i = 0; i < variants.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      CHECK(llb::op_digest(llb::FileOp{{variants[i]}}) != llb::op_digest(llb::FileOp{{variants[j]}}));
    }
  }
}

TEST_CASE("bytes that are no UTF-8 are kept apart") {
  llb::ExecOp one = sample_exec(), two = one;
  one.args = {"\xff"};
  two.args = {"\xfe"};
  CHECK(llb::op_digest(one) != llb::op_digest(two));
}

TEST_CASE("a golden digest pins the recipe op/1") {
  CHECK(llb::op_digest(llb::MergeOp{}).to_string() ==
        "sha256:fb6f06dd18ad2c5c14fa2b7644c5a91e01629bb368aedaafd9e8914011e30af1");
}

TEST_CASE("the dumps name every vertex once") {
  llb::VertexMeta meta;
  meta.name = "[1/1] say \"hi\"";
  const auto step = llb::make_vertex(sample_exec(), {nullptr}, meta);
  const std::vector<llb::VertexRef> roots{step, step};
  const auto list = nlohmann::json::parse(llb::dump_json(roots));
  REQUIRE(list.size() == 1);
  CHECK(list[0]["name"] == meta.name);
  CHECK(list[0]["digest"] == step->digest().to_string());
  CHECK(list[0]["inputs"][0].is_null());
  CHECK(list[0]["op"]["type"] == "exec");
  CHECK(llb::dump_dot(roots).find("say \\\"hi\\\"") != std::string::npos);
}
