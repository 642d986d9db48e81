#include "source/git_source.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "source/git_checkout.h"
#include "source/git_command.h"
#include "source/git_tree.h"
#include "tests/support/http_server.h"
#include "tests/support/test_dir.h"
#include "util/error.h"
#include "util/fd.h"
#include "util/process.h"
#include "util/sync.h"
#include "util/temp.h"

namespace {

bool has_git() {
  try {
    return util::run_command({{"git", "--version"}, {}, {}, {}}).status.success();
  } catch (const util::Error&) {
    return false;
  }
}

source::GitSource make_source(const test::TestDir& directory, source::SecretLookup secrets = nullptr) {
  return source::GitSource({directory.path() / "git", directory.path(), directory.path() / "stat", std::move(secrets), {}});
}

}  // namespace

TEST_CASE("only full commits count as commits") {
  CHECK(source::is_commit(std::string(40, 'a')));
  CHECK(source::is_commit(std::string(64, '0')));
  CHECK_FALSE(source::is_commit(std::string(39, 'a')));
  CHECK_FALSE(source::is_commit(std::string(40, 'g')));
  CHECK_FALSE(source::is_commit(""));
}

TEST_CASE("a full commit is pinned without asking anybody") {
  test::TestDir directory;
  auto git = make_source(directory);
  llb::GitSource op;
  op.remote = "http://127.0.0.1:1/x.git";
  op.ref = std::string(40, 'a');
  CHECK(git.pin(op, nullptr, {}).description == "http://127.0.0.1:1/x.git#" + op.ref);
}

TEST_CASE("a commit that is not the demanded one is an error that names both") {
  test::TestDir directory;
  auto git = make_source(directory);
  llb::GitSource op;
  op.remote = "http://127.0.0.1:1/x.git";
  op.ref = std::string(40, 'a');
  op.checksum = "bbbbbbb";
  CHECK_THROWS_WITH_AS(git.pin(op, nullptr, {}), doctest::Contains("aaaa"), util::Error);
  CHECK_THROWS_WITH_AS(git.pin(op, nullptr, {}), doctest::Contains("demanded is bbbbbbb"), util::Error);
}

TEST_CASE("the error for an unreachable remote does not show credentials") {
  if (!has_git()) return;
  test::TestDir directory;
  auto git = make_source(directory);
  llb::GitSource op;
  op.remote = "http://me:hidden@127.0.0.1:1/x.git";
  try {
    git.pin(op, nullptr, {});
    FAIL("no error");
  } catch (const util::Error& error) {
    CHECK(error.message().find("hidden") == std::string::npos);
    CHECK(error.message().starts_with("git repository `http://127.0.0.1:1/x.git`: "));
  }
}

TEST_CASE("a secret token goes to the server as basic authorization, and that of another host does not") {
  if (!has_git()) return;
  util::Sync<std::vector<std::string>> headers;  // the server has a thread of its own
  test::HttpServer server([&](const test::HttpCall& call) {
    const auto found = call.headers.find("authorization");
    if (found != call.headers.end()) headers.lock()->push_back(found->second);
    return test::HttpAnswer{404, {}, "", {}};
  });
  llb::GitSource op;
  op.remote = server.url("/x.git");
  for (const char* id : {"GIT_AUTH_TOKEN", "GIT_AUTH_TOKEN.127.0.0.1", "GIT_AUTH_TOKEN.example.com"}) {
    test::TestDir directory;
    auto git = make_source(directory, [&](const std::string& asked) -> std::optional<std::string> {
      return asked == id ? std::optional<std::string>("secret") : std::nullopt;
    });
    headers.lock()->clear();
    CHECK_THROWS_AS(git.pin(op, nullptr, {}), util::Error);
    const std::vector<std::string> seen = *headers.lock();
    if (std::string(id).ends_with(".com")) {
      CHECK(seen.empty());
    } else {
      CHECK(std::ranges::count(seen, "basic eC1hY2Nlc3MtdG9rZW46c2VjcmV0") == static_cast<long>(seen.size()));
      CHECK_FALSE(seen.empty());
    }
  }
}

TEST_CASE("modes of a checkout do not depend on the umask") {
  test::TestDir directory;
  util::write_file_atomically(directory.path() / "a", "x", 0660);
  util::write_file_atomically(directory.path() / "b", "x", 0700);
  util::write_file_atomically(directory.path() / "object", "x", 0400);
  std::filesystem::create_directory(directory.path() / "d");
  std::filesystem::permissions(directory.path() / "d", std::filesystem::perms::owner_all);
  const source::GitTree tree(directory.path(), std::make_shared<cache::StatCache>(directory.path() / "stat", directory.path()),
                             42, "here");
  CHECK(tree.find("a")->mode == 0644);
  CHECK(tree.find("b")->mode == 0755);
  CHECK(tree.find("object")->mode == 0444);
  CHECK(tree.find("d")->mode == 0755);
  CHECK(tree.find("a")->mtime == 42'000'000'000);
}
