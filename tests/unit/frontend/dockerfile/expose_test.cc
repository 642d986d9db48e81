#include "frontend/dockerfile/expose.h"

#include <doctest/doctest.h>

#include "util/error.h"

using namespace dockerfile;

TEST_CASE("ports have a protocol, tcp if not said") {
  std::vector<Warning> warnings;
  CHECK(parse_expose("80", {}, warnings) == std::vector<std::string>{"80/tcp"});
  CHECK(parse_expose("80/", {}, warnings) == std::vector<std::string>{"80/tcp"});
  CHECK(parse_expose("1-3/sctp", {}, warnings) == std::vector<std::string>{"1/sctp", "2/sctp", "3/sctp"});
  CHECK(warnings.empty());
}

TEST_CASE("upper case protocols and host parts are warned about") {
  std::vector<Warning> warnings;
  CHECK(parse_expose("127.0.0.1:8080:80/TCP", {3, 3}, warnings) == std::vector<std::string>{"80/tcp"});
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0].rule == "ExposeProtoCasing");
  CHECK(warnings[1].rule == "ExposeInvalidFormat");
  CHECK(warnings[1].range.first == 3);
}

TEST_CASE("malformed ports are refused") {
  std::vector<Warning> warnings;
  for (const std::string word : {"", "/tcp", "x", "65536", "-1", "1-", "2-1", "1-2-3", "80/xyz", "80/tcp/udp",
                                 "1-2:3-5", "1:2:3", "99999999999999999999", "1.2.3.4:x:80", " 80", "$x"}) {
    CAPTURE(word);
    CHECK_THROWS_AS(parse_expose(word, {}, warnings), util::Error);
  }
  CHECK_THROWS_AS(parse_expose(std::string("1.2.3.4\0x:1:80", 14), {}, warnings), util::Error);
}
