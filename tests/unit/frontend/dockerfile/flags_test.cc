#include "frontend/dockerfile/flags.h"

#include <doctest/doctest.h>

#include "util/error.h"

using namespace dockerfile;
using List = std::vector<std::string>;

namespace {

std::string parse_error(const List& words) {
  std::string text;
  bool boolean = false;
  List list;
  try {
    FlagSet().text("chown", text).boolean("link", boolean).list("exclude", list).parse(words);
  } catch (const util::Error& error) {
    return error.message();
  }
  return {};
}

}  // namespace

TEST_CASE("flags are the leading words with two dashes") {
  FlagSplit split = split_flags(" --a=1 --b  x --c");
  CHECK(split.flags == List{"--a=1", "--b"});
  CHECK(split.rest == "x --c");
  CHECK(split_flags("-x --a").rest == "-x --a");
  CHECK(split_flags("").flags.empty());
}

TEST_CASE("a bare -- ends the flags") {
  FlagSplit split = split_flags("--a -- --b x");
  CHECK(split.flags == List{"--a"});
  CHECK(split.rest == " --b x");
  CHECK(split_flags("--").flags.empty());
}

TEST_CASE("quotes and backslashes in a flag protect and vanish") {
  CHECK(split_flags("--a='x y'z --b=\"1 \\\" 2\" --c=x\\ y r").flags == List{"--a=x yz", "--b=1 \" 2", "--c=x y"});
  CHECK(split_flags("--a=x\\").flags == List{"--a=x"});
  CHECK(split_flags("--a='x").flags == List{"--a=x"});
  CHECK(split_flags("--a=\xc3\xa9").flags == List{"--a=\xc3\xa9"});
}

TEST_CASE("values go where the set says") {
  std::string text;
  bool link = false;
  std::optional<bool> unpack;
  List list;
  FlagSet()
      .text("chown", text)
      .boolean("link", link)
      .boolean("unpack", unpack)
      .list("exclude", list)
      .parse({"--chown=1:2=3", "--link", "--unpack=FALSE", "--exclude=a", "--exclude=b"});
  CHECK(text == "1:2=3");
  CHECK(link);
  CHECK(unpack == false);
  CHECK(list == List{"a", "b"});
}

TEST_CASE("malformed flags are refused") {
  CHECK(parse_error({"--boo"}) == "unknown flag: --boo");
  CHECK(parse_error({"--chwon=1"}) == "unknown flag: --chwon (did you mean --chown?)");
  CHECK(parse_error({"--Link"}) == "unknown flag: --Link (did you mean --link?)");
  CHECK(parse_error({"--chown"}) == "missing a value on flag: --chown");
  CHECK(parse_error({"--chown="}).empty());
  CHECK(parse_error({"--link="}) == "missing a value on flag: --link");
  CHECK(parse_error({"--link=yes"}) == "expecting boolean value for flag --link, not: yes");
  CHECK(parse_error({"--link", "--link"}) == "duplicate flag specified: --link");
}
