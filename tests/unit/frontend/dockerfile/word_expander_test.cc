#include "frontend/dockerfile/word_expander.h"

#include <doctest/doctest.h>

#include "util/error.h"

using namespace dockerfile;

namespace {

Environment sample() {
  Environment environment;
  environment.set("A", "one");
  environment.set("EMPTY", "");
  environment.set("FILE", "a/b.tar.gz");
  return environment;
}

std::string text_of(std::string_view word, const ExpandOptions& options = {}) {
  return expand(word, sample(), options).text;
}

std::string error_of(std::string_view word) {
  try {
    expand(word, sample());
    return {};
  } catch (const util::Error& error) {
    return error.message();
  }
}

}  // namespace

TEST_CASE("an environment keeps the order of first definitions") {
  Environment environment = sample();
  environment.set("A", "two");
  CHECK(environment.list() == std::vector<std::string>{"A=two", "EMPTY=", "FILE=a/b.tar.gz"});
  CHECK(environment.find("EMPTY") == "");
  CHECK_FALSE(environment.find("B"));
}

TEST_CASE("variables, defaults and alternates nest") {
  CHECK(text_of("x$A-${A}") == "xone-one");
  CHECK(text_of("${B:-${EMPTY:-${A}}}") == "one");
  CHECK(text_of("${EMPTY-x}${EMPTY:-x}${B-y}") == "xy");
  CHECK(text_of("${EMPTY+x}${EMPTY:+y}${B+z}") == "x");
  CHECK(text_of("${FILE#*/} ${FILE%.*} ${FILE%%.*}") == "b.tar.gz a/b.tar a/b");
  CHECK(text_of("${FILE//./_} ${FILE/a/$A}") == "a/b_tar_gz one/b.tar.gz");
}

TEST_CASE("used and undefined names are reported once, in order") {
  Expansion expansion = expand("$Z $A $Y ${Z:-q} $A", sample());
  CHECK(expansion.undefined == std::vector<std::string>{"Z", "Y"});
  CHECK(expansion.used == std::set<std::string>{"A"});
}

TEST_CASE("quotes go and protect") {
  CHECK(text_of("'$A'\"$A\"\\$A") == "$Aone$A");
  CHECK(text_of("\"a\\b\\\"\\$\\\\\"") == "a\\b\"$\\");
}

TEST_CASE("the escape character may be the backtick") {
  ExpandOptions options;
  options.escape = '`';
  CHECK(text_of("c:\\x`$A", options) == "c:\\x$A");
}

TEST_CASE("in the body of a here-document quotes are text and a backslash protects anything") {
  ExpandOptions options;
  options.heredoc_body = true;
  options.escape = '`';
  CHECK(text_of("'$A' \"x\" \\$A \\\\ \\n\\\n` it's", options) == "'one' \"x\" $A \\ n\n` it's");
}

TEST_CASE("raw quotes and escapes stay") {
  ExpandOptions options;
  options.raw_quotes = true;
  options.raw_escapes = true;
  CHECK(text_of("'a' \"$A\" \\x", options) == "'a' \"one\" \\x");
}

TEST_CASE("undefined variables may stay as written") {
  ExpandOptions options;
  options.keep_undefined = true;
  CHECK(text_of("$B ${B:-x} ${B#'y'} $A ${B?z} $1", options) == "$B ${B:-x} ${B#'y'} one ${B?z} $1");
}

TEST_CASE("a mandatory variable fails with its message") {
  CHECK(error_of("${B:?say $A}") == "expand `${B:?say $A}`: B: say one");
  CHECK(error_of("${B?}").ends_with("B: is not allowed to be unset"));
  CHECK(error_of("${EMPTY:?}").ends_with("EMPTY: is not allowed to be empty"));
  CHECK(error_of("${EMPTY?}").empty());
}

TEST_CASE("malformed words are refused") {
  for (const char* word : {"${", "${}", "${A", "${A:", "${A:x}", "${A:=x}", "${A=x}", "${A:#x}", "${A:/x/y}", "${A/x}",
                           "${A/x/y", "${A#\\z}", "'", "\"", "\"\\", "${A:-'}", "${{A}}", "${ A}", "${\n}"}) {
    CAPTURE(word);
    CHECK_FALSE(error_of(word).empty());
  }
}

TEST_CASE("names may be of any letters, other bytes end them") {
  Environment environment;
  environment.set("\ud55c", "k");
  CHECK(expand("$\ud55c.$\ud55c", environment).text == "k.k");
  CHECK(expand("$A\xff", sample()).text == "one\xff");
  CHECK(expand(std::string_view("$A\0x", 4), sample()).text == std::string("one\0x", 5));
}

TEST_CASE("words split at white space that is not quoted, also in values") {
  Environment environment;
  environment.set("L", " a  b ");
  CHECK(expand_words("x$L'y z' \"$L\"", environment) == std::vector<std::string>{"x", "a", "b", "y z", " a  b "});
  CHECK(expand_words("'' \"\"", environment).empty());
}

TEST_CASE("nesting is bounded") {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "${x:-";
  CHECK(error_of(deep).find("nested") != std::string::npos);
  std::string quoted;
  for (int i = 0; i < 100'000; ++i) quoted += "\"${x:-";
  CHECK(error_of(quoted).find("nested") != std::string::npos);
}

TEST_CASE("results are bounded") {
  Environment environment;
  environment.set("BIG", std::string(1 << 20, 'x'));
  std::string many;
  for (int i = 0; i < 100; ++i) many += "$BIG";
  CHECK_THROWS_AS(expand(many, environment), util::Error);
  CHECK_THROWS_AS(expand("\"" + many + "\"", environment), util::Error);
  CHECK_THROWS_AS(expand("${BIG//x/$BIG}", environment), util::Error);
}
