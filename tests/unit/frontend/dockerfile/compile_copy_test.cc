#include <doctest/doctest.h>

#include "tests/unit/frontend/dockerfile/compiled.h"

using Strings = std::vector<std::string>;

namespace {

llb::VertexRef copied(const std::string& text) {
  return test::compile("FROM busybox\n" + text).root;
}

llb::CopyAction copy(const std::string& text, std::size_t index = 0) {
  return test::action<llb::CopyAction>(copied(text), index);
}

}  // namespace

TEST_CASE("each source is one action of one file op on the stage") {
  const auto vertex = copied("COPY a* ./b/ ../../c /d/");
  CHECK(vertex->inputs().size() == 2);
  CHECK(std::holds_alternative<llb::ImageSource>(vertex->inputs()[0]->op()));
  CHECK(std::holds_alternative<llb::LocalSource>(vertex->inputs()[1]->op()));
  CHECK(test::action<llb::CopyAction>(vertex, 0).source == "/a*");
  CHECK(test::action<llb::CopyAction>(vertex, 1).source == "/b");
  CHECK(test::action<llb::CopyAction>(vertex, 2).source == "/c");
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(test::action<llb::CopyAction>(vertex, i).input == 1);
    CHECK(test::action<llb::CopyAction>(vertex, i).destination == "/d/");
    CHECK_FALSE(test::action<llb::CopyAction>(vertex, i).unpack);
  }
}

TEST_CASE("a destination is seen from WORKDIR and keeps its trailing slash") {
  const std::pair<const char*, const char*> cases[] = {
      {".", "/w/"}, {"./", "/w/"}, {"\"\"", "/w/"}, {"x", "/w/x"},     {"x/", "/w/x/"},    {"x/.", "/w/x/"},
      {"/y", "/y"}, {"..", "/"},   {"/", "/"},      {"../../x", "/x"}, {"/a/../b/", "/b/"}};
  for (const auto& [written, meant] : cases) {
    CAPTURE(written);
    CHECK(copy(std::string("WORKDIR /w\nCOPY a ") + written).destination == meant);
  }
}

TEST_CASE("flags are expanded and travel with every action") {
  const auto one = copy("ARG U=7:8\nARG M=u=rwX\nCOPY --chown=$U --chmod=$M --exclude=*.o --exclude=$x a /b");
  CHECK(one.owner->text == "7:8");
  CHECK(one.mode == "u=rwX");
  CHECK(one.exclude == Strings{"*.o", "$x"});
  CHECK_FALSE(copy("COPY a /b").owner);
}

TEST_CASE("a mode has to be one") {
  for (const char* mode : {"0755", "7777", "u+x", "a=rX,g-w", "+x", "g=u", "u=rwx,o="}) {
    CAPTURE(mode);
    CHECK(test::failure("FROM scratch\nCOPY --chmod=" + std::string(mode) + " a /b").message.empty());
  }
  for (const char* mode : {"10000", "64a", "8", "u", "u+q", "x", "u=r,"}) {
    CAPTURE(mode);
    const auto failure = test::failure("FROM scratch\nCOPY --chmod=" + std::string(mode) + " a /b");
    CHECK(failure.message.find(mode) != std::string::npos);
    CHECK(failure.ranges == std::vector<llb::SourceRange>{{2, 2}});
  }
}

TEST_CASE("--parents keeps the pivot") {
  CHECK(copy("COPY --parents ./a/b/ /d").source == "/a/b");
  CHECK(copy("COPY --parents a/./b/**/*.c /d").source == "/a/./b/**/*.c");
  CHECK(copy("COPY --parents /./a /d").source == "/./a");
  CHECK(copy("COPY --parents a/./b/./c /d").source == "/a/./b/c");
  CHECK(copy("COPY --parents a /d").parents);
}

TEST_CASE("--link copies to an empty layer and merges it") {
  const auto vertex = copied("WORKDIR /w\nCOPY --link a b");
  CHECK(std::holds_alternative<llb::MergeOp>(vertex->op()));
  REQUIRE(vertex->inputs().size() == 2);
  CHECK(vertex->inputs()[1]->inputs()[0] == nullptr);
  CHECK(test::action<llb::CopyAction>(vertex->inputs()[1]).destination == "/w/b");
}

TEST_CASE("--link means nothing together with --chmod, and needs no merge on scratch") {
  CHECK(std::holds_alternative<llb::FileOp>(copied("COPY --link --chmod=755 a b")->op()));
  CHECK(std::holds_alternative<llb::FileOp>(test::compile("FROM scratch\nCOPY --link a b").root->op()));
}

TEST_CASE("--from takes a stage by name or number, or an image") {
  const std::string stages = "FROM scratch AS One\nCOPY a /a\nFROM busybox\n";
  for (const char* from : {"one", "ONE", "0"}) {
    CAPTURE(from);
    const auto vertex = test::compile(stages + "COPY --from=" + from + " /a b").root;
    CHECK(std::holds_alternative<llb::FileOp>(vertex->inputs().at(1)->op()));
  }
  const auto image = test::compile("FROM scratch\nCOPY --from=busybox /a b").root;
  CHECK(image->inputs().at(0) == nullptr);
  CHECK(std::holds_alternative<llb::ImageSource>(image->inputs().at(1)->op()));
  CHECK(image->inputs().at(1)->meta().name.starts_with("FROM docker.io/library/busybox:latest@sha256:"));
  CHECK(test::compile("FROM busybox\nCOPY --from=scratch / b").root->inputs().at(1) == nullptr);
}

TEST_CASE("the labels of another stage stay there") {
  const auto result = test::compile("FROM busybox AS a\nLABEL a=1\nFROM busybox\nLABEL b=2\nCOPY --from=a /x /x");
  CHECK(result.config.labels.size() == 1);
  CHECK(result.config.labels.at("b") == "2");
}

TEST_CASE("here-documents become files") {
  const auto vertex = copied("ENV A=b\nCOPY --chown=1:2 --chmod=600 <<one <<'two' /d/\n$A \"q\" \\$A\none\n$A\ntwo\n");
  CHECK(vertex->inputs().size() == 1);
  const auto& one = test::action<llb::MkfileAction>(vertex, 0);
  CHECK(one.path == "/d/one");
  CHECK(one.name.empty());
  CHECK(one.data == "b \"q\" $A\n");
  CHECK(one.owner->text == "1:2");
  CHECK(one.mode_text == "600");
  CHECK(test::action<llb::MkfileAction>(vertex, 1).data == "$A\n");
  const auto single = copied("COPY <<f /d\nx\nf\n");
  CHECK(test::action<llb::MkfileAction>(single).path == "/d");
  CHECK(test::action<llb::MkfileAction>(single).name == "f");
}

TEST_CASE("files come before here-documents in the order of the history") {
  const auto vertex = copied("COPY <<f a /d/\nx\nf\n");
  CHECK(test::action<llb::CopyAction>(vertex, 0).source == "/a");
  CHECK(test::action<llb::MkfileAction>(vertex, 1).path == "/d/f");
}

TEST_CASE("ADD unpacks local archives unless told otherwise") {
  CHECK(copy("ADD a.tar /d").unpack);
  CHECK_FALSE(copy("ADD --unpack=false a.tar /d").unpack);
  CHECK_FALSE(copy("ADD http://h/a.tar /d").unpack);
  CHECK(copy("ADD --unpack http://h/a.tar /d").unpack);
}

TEST_CASE("ADD of a URL is a source with the file's name") {
  const auto vertex = copied(
      "ADD --checksum=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 "
      "https://host/dir/f%20g.bin?x=1#y /d/");
  const auto& http = test::op<llb::HttpSource>(vertex->inputs().at(1));
  CHECK(http.filename == "f g.bin");
  CHECK(http.checksum.hex().starts_with("e3b0"));
  const auto& action = test::action<llb::CopyAction>(vertex);
  CHECK(action.source == "/f g.bin");
  CHECK_FALSE(action.allow_wildcard);
  CHECK(action.destination == "/d/");
}

TEST_CASE("ADD of a repository is a checkout") {
  const auto vertex = copied("ADD --keep-git-dir=true https://h/r.git?checksum=abcdef1#v1:sub /d");
  const auto& git = test::op<llb::GitSource>(vertex->inputs().at(1));
  CHECK(git.remote == "https://h/r.git");
  CHECK(git.ref == "v1");
  CHECK(git.subdir == "sub");
  CHECK(git.checksum == "abcdef1");
  CHECK(git.keep_git_dir);
  CHECK(test::action<llb::CopyAction>(vertex).source == "/");
}

TEST_CASE("what cannot be copied is refused at its line") {
  const char* cases[] = {
      "COPY http://h/f /d",
      "COPY https://user:secret@h/r.git /d",
      "ADD --checksum=sha256:e3b0 a /d",
      "ADD --checksum=md5:d41d8cd98f00b204e9800998ecf8427e http://h/f /d",
      "ADD --checksum=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 http://h/a http://h/b /d",
      "ADD --keep-git-dir=false https://h/r.git?keep-git-dir=true /d",
      "ADD --checksum=1234567 https://h/r.git?commit=abcdef1 /d",
      "ADD --checksum=xyz https://h/r.git /d",
      "ADD https://h/r.git?nonsense=1 /d",
      "COPY a ${x:?must be set}"};
  for (const char* text : cases) {
    CAPTURE(text);
    const auto failure = test::failure(std::string("FROM scratch\n\n") + text);
    CHECK_FALSE(failure.message.empty());
    CHECK(failure.message.find("secret") == std::string::npos);
    CHECK(failure.ranges == std::vector<llb::SourceRange>{{3, 3}});
  }
}

TEST_CASE("an empty source is the whole context") {
  CHECK(copy("COPY \"\" /d/").source == "/");
}

TEST_CASE("without a context sources come from nothing") {
  auto request = test::request();
  request.context = nullptr;
  const auto vertex = test::compile("FROM scratch\nCOPY a /b", request).root;
  CHECK(vertex->inputs() == std::vector<llb::VertexRef>{nullptr, nullptr});
}
