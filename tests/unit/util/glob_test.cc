#include "util/glob.h"

#include <doctest/doctest.h>

#include <chrono>
#include <string>

#include "util/error.h"

namespace {
bool matches(std::string_view pattern, std::string_view path) { return util::Glob(pattern).matches(path); }
}  // namespace

TEST_CASE("stars and question marks stay within a component") {
  CHECK(matches("*", "abc"));
  CHECK(matches("*", ""));
  CHECK(matches("", ""));
  CHECK_FALSE(matches("", "a"));
  CHECK_FALSE(matches("*", "a/b"));
  CHECK(matches("a*/b", "abc/b"));
  CHECK_FALSE(matches("a*/b", "a/c/b"));
  CHECK_FALSE(matches("a?b", "a/b"));
  CHECK(matches("a?b", "a\u263ab"));
  CHECK(matches("a*b*c*d*e*/f", "axbxcxdxexxx/f"));
  CHECK_FALSE(matches("a*b*c*d*e*/f", "axbxcxdxexxx/fff"));
  CHECK(matches("a*b?c*x", "abxbbxdbxebxczzx"));
  CHECK_FALSE(matches("a*b?c*x", "abxbbxdbxebxczzy"));
  CHECK(matches("**x", "xxx"));
}

TEST_CASE("classes have ranges and a negation, and may match a slash") {
  CHECK(matches("ab[b-d]", "abc"));
  CHECK_FALSE(matches("ab[^b-d]", "abc"));
  CHECK(matches("[a-\u03b6]*", "\u03b1"));
  CHECK(matches("[\\]a]", "]"));
  CHECK(matches("[x\\-]", "-"));
  CHECK(matches("a[^x]b", "a/b"));
  CHECK_FALSE(matches("a[^x]", "a"));
  CHECK(matches("[z-a]b[a]", "") == false);
}

TEST_CASE("a backslash makes the next character literal") {
  CHECK(matches("a\\*b", "a*b"));
  CHECK_FALSE(matches("a\\*b", "ab"));
  CHECK(matches("\\a", "a"));
}

TEST_CASE("malformed patterns are refused whatever the path") {
  for (const char* bad : {"[", "a[", "[^", "[^bc", "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "\\", "a\\", "[\xff]",
                          "[\\", "[a\\", "x*[", "[]"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(util::Glob{bad}, util::Error);
  }
}

TEST_CASE("many stars cost no more than the product of the lengths") {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  auto start = std::chrono::steady_clock::now();
  CHECK_FALSE(matches(pattern + "b", std::string(4000, 'a')));
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(5));
}
