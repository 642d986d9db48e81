#include "util/pattern.h"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "util/error.h"
#include "util/fd.h"
#include "util/json.h"

namespace {

using Patterns = std::vector<std::string>;

bool matches(Patterns patterns, std::string_view path) { return util::PatternMatcher(std::move(patterns)).matches(path); }

/// A table of the shared corpus; null, with a message, where that is absent.
nlohmann::json corpus(const char* name) {
  std::filesystem::path path = std::filesystem::path(CORPUS_DIR) / "dockerignore" / name;
  if (std::filesystem::exists(path)) return util::parse_json(util::read_file(path), name);
  MESSAGE("skipped: no corpus at " << path.native());
  return nullptr;
}

}  // namespace

TEST_CASE("the corpus of patterns and paths is decided as the reference does") {
  for (const nlohmann::json& entry : corpus("match.json")) {
    CAPTURE(entry.dump());
    Patterns patterns = entry.at("patterns").get<Patterns>();
    std::string path = entry.at("path").get<std::string>();
    if (entry.contains("error") && entry.at("error") != false && !entry.at("error").is_null()) {
      CHECK_THROWS_AS(matches(patterns, path), util::Error);
    } else {
      CHECK(matches(patterns, path) == entry.at("match").get<bool>());
    }
  }
}

TEST_CASE("the corpus of ignore files is read as the reference does") {
  for (const nlohmann::json& entry : corpus("ignorefile.json")) {
    CAPTURE(entry.dump());
    CHECK(util::read_ignore_file(entry.at("content").get<std::string>()) == entry.at("patterns").get<Patterns>());
  }
}

TEST_CASE("match_path is that of one path") {
  CHECK(util::match_path("*.go", "a.go"));
  CHECK_FALSE(util::match_path("*.go", "d/a.go"));
  CHECK_THROWS_WITH_AS(util::match_path("a[", "x"), "parse pattern `a[`: syntax error in pattern", util::Error);
  CHECK(util::has_wildcard("a*"));
  CHECK(util::has_wildcard("a\\b"));
  CHECK_FALSE(util::has_wildcard("a/b.c"));
}

TEST_CASE("the last match wins and a parent counts for what is below") {
  CHECK(matches({"docs", "!docs/README.md"}, "docs/a/b"));
  CHECK_FALSE(matches({"docs", "!docs/README.md"}, "docs/README.md"));
  CHECK(matches({"*.md", "!README*.md", "README-secret.md"}, "README-secret.md"));
  CHECK(matches({"*/temp*"}, "somedir/temporary/x.txt"));
  CHECK_FALSE(matches({"*/temp*"}, "a/b/temp"));
  CHECK(matches({"**/node_modules"}, "a/b/node_modules/c/d"));
  CHECK_FALSE(matches({"**/node_modules"}, "a/xnode_modules"));
  CHECK_FALSE(matches({"**/node_modules"}, "a/node_modulesx"));
  CHECK(matches({"**.log"}, "a/x.log/y"));
  CHECK_FALSE(matches({"a"}, "ab"));
  CHECK(matches({"a"}, "a/b"));
  CHECK(matches({"a*/b"}, "ax/b/c\nd"));
  CHECK_FALSE(matches({"!a"}, "a"));
}

TEST_CASE("patterns are cleaned before use") {
  CHECK(matches({" ./a//b/ "}, "a/b"));
  CHECK(matches({"x/../a"}, "a"));
  CHECK(util::PatternMatcher(Patterns{"", "  "}).empty());
  CHECK(util::PatternMatcher().empty());
  CHECK_FALSE(util::PatternMatcher().matches("a"));
}

TEST_CASE("names that are not UTF-8 match like a character each") {
  CHECK(matches({"a?b"}, "a\xff" "b"));
  CHECK(matches({"a*"}, "a\xff\xfe"));
  CHECK(matches({"a\xff" "b"}, "a\xff" "b"));
}

TEST_CASE("exclusions are known and an empty one is refused") {
  CHECK(util::PatternMatcher(Patterns{"a", "!a/b"}).has_exclusions());
  CHECK_FALSE(util::PatternMatcher(Patterns{"a"}).has_exclusions());
  CHECK_THROWS_AS(util::PatternMatcher(Patterns{"!"}), util::Error);
}

TEST_CASE("the pattern that decided is told") {
  util::PatternMatcher matcher(Patterns{"docs", "*.md", "!docs/README.md"});
  CHECK(matcher.deciding_pattern("docs/x") == "docs");
  CHECK(matcher.deciding_pattern("x.md") == "*.md");
  CHECK(matcher.deciding_pattern("docs/README.md") == "!docs/README.md");
  CHECK_FALSE(matcher.deciding_pattern("src/x"));
}

TEST_CASE("only directories that may hold a re-included file must be walked") {
  auto below = [](Patterns patterns, std::string_view path) {
    return util::PatternMatcher(std::move(patterns)).may_match_below(path);
  };
  CHECK_FALSE(below({"a"}, "a"));
  CHECK(below({"a", "!a/b/c"}, "a"));
  CHECK(below({"a", "!a/b/c"}, "a/b"));
  CHECK_FALSE(below({"a", "!a/b/c"}, "a/x"));
  CHECK_FALSE(below({"node_modules", "!*.md"}, "node_modules"));
  CHECK(below({"node_modules", "!*/*.md"}, "node_modules"));
  CHECK_FALSE(below({"node_modules", "!*/*.md"}, "node_modules/a"));
  CHECK(below({"x", "!**/keep"}, "x/y/z"));
  CHECK(below({"x", "!x/**"}, "x"));
  CHECK_FALSE(below({"y", "!x/**"}, "y"));
  CHECK(below({"x", "!x/[ab]/c"}, "x/a"));
  CHECK_FALSE(below({"*", "!src/[ab]"}, "lib"));
  CHECK(below({"*", "!src"}, "."));
}

TEST_CASE("whatever matches below a directory is announced by may_match_below") {
  const Patterns exclusions = {"a", "a/b", "*/b", "**/c", "a?/b", "a/**/c", "[ab]/c", "a\\b/c", "*a*/*/c", "a**"};
  const Patterns parts = {"a", "b", "c", "ab", "aa"};
  for (const std::string& exclusion : exclusions) {
    util::PatternMatcher matcher(Patterns{"**", "!" + exclusion});
    for (const std::string& top : parts) {
      if (!matcher.matches(top)) continue;
      for (const std::string& middle : parts) {
        for (const std::string& last : {std::string(), std::string("/c"), std::string("/b")}) {
          std::string path = top + "/" + middle + last;
          CAPTURE(exclusion);
          CAPTURE(path);
          if (!matcher.matches(path)) CHECK(matcher.may_match_below(top));
        }
      }
    }
  }
}

TEST_CASE("hostile patterns take no more than linear time") {
  std::string stars;
  for (int i = 0; i < 300; ++i) stars += "**/a*";
  std::string path;
  for (int i = 0; i < 2000; ++i) path += "a/";
  auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(matches({stars + "/b"}, path + "c"));
  CHECK_FALSE(matches({"**" + std::string(2000, 'a')}, std::string(4000, 'a') + "b"));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}

TEST_CASE("ignore files lose comments, blanks and leading slashes") {
  CHECK(util::read_ignore_file("\xef\xbb\xbf# c\r\n a \r\n#x\n #y\n/b/\n./c/../d\n! /e\n/\n") ==
        Patterns{"a", "#y", "b", "d", "!e", "/"});
}
