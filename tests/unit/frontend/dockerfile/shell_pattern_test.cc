#include "frontend/dockerfile/shell_pattern.h"

#include <doctest/doctest.h>

#include "util/error.h"

using namespace dockerfile;

namespace {

constexpr std::size_t kLimit = 1 << 20;

std::string_view strip_prefix(std::string_view pattern, std::string_view value, bool longest) {
  return ShellPattern(pattern).strip_prefix(value, longest);
}
std::string_view strip_suffix(std::string_view pattern, std::string_view value, bool longest) {
  return ShellPattern(pattern).strip_suffix(value, longest);
}
std::string replace_all(std::string_view pattern, std::string_view value, std::string_view replacement) {
  return ShellPattern(pattern).replace_all(value, replacement, kLimit);
}

}  // namespace

TEST_CASE("the shortest and the longest prefix are stripped") {
  CHECK(strip_prefix("*/", "a/b/c", false) == "b/c");
  CHECK(strip_prefix("*/", "a/b/c", true) == "c");
  CHECK(strip_prefix("b", "abc", false) == "abc");
  CHECK(strip_prefix("*", "abc", false) == "abc");
  CHECK(strip_prefix("*", "abc", true).empty());
  CHECK(strip_prefix("", "abc", true) == "abc");
  CHECK(strip_prefix("?", "\xc3\xa9x", false) == "x");
}

TEST_CASE("the shortest and the longest suffix are stripped") {
  CHECK(strip_suffix(".*", "a.tar.gz", false) == "a.tar");
  CHECK(strip_suffix(".*", "a.tar.gz", true) == "a");
  CHECK(strip_suffix("?", "x\xed\x95\x9c", false) == "x");
  CHECK(strip_suffix("b*", "abc", false) == "a");
}

TEST_CASE("wildcards do not cross line ends") {
  CHECK(strip_prefix("a*b", "a\nb", true) == "a\nb");
  CHECK(strip_prefix("a?b", "a\nb", true) == "a\nb");
  CHECK(strip_prefix("a\nb*", "a\nbc", true).empty());
}

TEST_CASE("escapes make wildcards literal, other escapes are refused") {
  CHECK(strip_prefix("\\*\\?\\\\", "*?\\x", false) == "x");
  CHECK(strip_prefix("\\/\\}", "/}x", false) == "x");
  CHECK_THROWS_AS(ShellPattern("\\a"), util::Error);
  CHECK_THROWS_AS(ShellPattern("a\\"), util::Error);
}

TEST_CASE("the first match is the leftmost, and it is as long as possible") {
  CHECK(ShellPattern("b*d").replace_first("abcdbdxd", "-") == "a-");
  CHECK(ShellPattern("b?d").replace_first("abdbcd", "-") == "abd-");
  CHECK(ShellPattern("x").replace_first("abc", "-") == "abc");
  CHECK(ShellPattern("").replace_first("abc", "-") == "-abc");
  CHECK(ShellPattern("aab").replace_first("aaab", "-") == "a-");
}

TEST_CASE("all matches are replaced, empty ones between characters too") {
  CHECK(replace_all("a", "banana", "o") == "bonono");
  CHECK(replace_all("", "abc", "-") == "-a-b-c-");
  CHECK(replace_all("*", "abc", "-") == "-");
  CHECK(replace_all("aa", "aaaaa", "b") == "bba");
  CHECK(replace_all("x", "", "y").empty());
  CHECK(replace_all("", "\xc3\xa9", "-") == "-\xc3\xa9-");
}

TEST_CASE("in the replacement of all matches $0 is the match") {
  CHECK(replace_all("?", "ab", "[$0]") == "[a][b]");
  CHECK(replace_all("?", "ab", "${0}!") == "a!b!");
  CHECK(replace_all("a", "a", "$1$x${y}$$$ ${ $-") == "$$ ${ $-");
}

TEST_CASE("results and work are bounded") {
  CHECK_THROWS_AS(replace_all("", std::string(10'000, 'a'), std::string(10'000, 'b')), util::Error);
  CHECK_THROWS_AS(strip_prefix(std::string(100'000, '?'), std::string(100'000, 'a'), true), util::Error);
  CHECK(replace_all("a*b*c*d*e", std::string(100'000, 'a'), "") == std::string(100'000, 'a'));
}
