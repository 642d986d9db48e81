#include "frontend/dockerfile/remote_source.h"

#include <doctest/doctest.h>

#include "util/error.h"

using dockerfile::http_file_name;
using dockerfile::parse_git_url;

TEST_CASE("repositories are told from files and local paths") {
  for (const char* text : {"git://h/r", "ssh://git@h/r.git", "git@github.com:o/r.git", "https://h/r.git",
                           "HTTP://h/r.git#v1", "https://h/r.git?ref=v1", "git@h:r"}) {
    CAPTURE(text);
    CHECK(parse_git_url(text).has_value());
  }
  for (const char* text : {"https://h/r.git/x", "https://h/r", "http://h/?x=.git", "./git@h:r", "../a.git", "/a.git",
                           "a.git", "a:b", "git@h", "github.com/o/r", "dir/git@h:x", "", "git://", "@h:x", "x*@h:y"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_git_url(text).has_value());
  }
  CHECK(parse_git_url("github.com/o/r#main", true)->remote == "https://github.com/o/r");
}

TEST_CASE("fragment and query give ref, directory and commit") {
  const auto fragment = *parse_git_url("https://h/r.git#refs/heads/x:a/../b/");
  CHECK(fragment.remote == "https://h/r.git");
  CHECK(fragment.ref == "refs/heads/x");
  CHECK(fragment.subdir == "b");
  const auto query =
      *parse_git_url("https://h/r.git?tag=v1&subdir=%61&commit=abcdef01&keep-git-dir&submodules=false&mtime=commit");
  CHECK(query.ref == "refs/tags/v1");
  CHECK(query.subdir == "a");
  CHECK(query.checksum == "abcdef01");
  CHECK(query.keep_git_dir == true);
  const auto source = dockerfile::git_source(query);
  CHECK(source.skip_submodules);
  CHECK(source.commit_time);
  CHECK(dockerfile::git_source(fragment).ref == "refs/heads/x");
  CHECK_FALSE(dockerfile::git_source(fragment).skip_submodules);
}

TEST_CASE("query and fragment may agree but not differ") {
  CHECK(parse_git_url("https://h/r.git?ref=v1#v1")->ref == "v1");
  CHECK_THROWS_AS(parse_git_url("https://h/r.git?ref=v1#v2"), const util::Error&);
  CHECK_THROWS_AS(parse_git_url("https://h/r.git?tag=a&branch=b"), const util::Error&);
  CHECK_THROWS_AS(parse_git_url("https://h/r.git?ref=a&ref=a"), const util::Error&);
}

TEST_CASE("unknown and malformed query items are refused") {
  for (const char* query : {"reff=1", "submodules=maybe", "mtime=now", "checksum=xyz", "commit=12"}) {
    CAPTURE(query);
    CHECK_THROWS_AS(parse_git_url(std::string("https://h/r.git?") + query), const util::Error&);
  }
}

TEST_CASE("a file from a URL is named by the end of its path") {
  CHECK(http_file_name("http://h/a/b.txt?c/d#e/f") == "b.txt");
  CHECK(http_file_name("https://h/a%20b/") == "a b");
  CHECK(http_file_name("http://h/a%2Fb") == "b");
  for (const char* url : {"http://h", "http://h/", "http://h//", "http://h/..", "http://h?x=y", "http://h/%00"}) {
    CAPTURE(url);
    CHECK(http_file_name(url) == "__unnamed__");
  }
}

TEST_CASE("credentials are not shown") {
  CHECK(dockerfile::url_without_credentials("https://u:p@h/x@y") == "https://h/x@y");
  CHECK(dockerfile::url_without_credentials("https://h/x@y") == "https://h/x@y");
  CHECK(dockerfile::url_without_credentials("git@h:x") == "git@h:x");
}
