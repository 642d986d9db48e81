#include "util/ssh_wire.h"

#include <doctest/doctest.h>

#include "util/error.h"

TEST_CASE("data types of ssh are written as RFC 4251 shows them") {
  CHECK(util::SshWriter().number(699921578).text() == "\x29\xb7\xf4\xaa");
  CHECK(util::SshWriter().string("testing").text() == std::string("\0\0\0\x07testing", 11));
  // The examples of mpint.
  CHECK(util::SshWriter().mpint("").text() == std::string(4, '\0'));
  CHECK(util::SshWriter().mpint(std::string("\0\0", 2)).text() == std::string(4, '\0'));
  CHECK(util::SshWriter().mpint("\x09\xa3\x78\xf9\xb2\xe3\x32\xa7").text() ==
        std::string("\0\0\0\x08\x09\xa3\x78\xf9\xb2\xe3\x32\xa7", 12));
  CHECK(util::SshWriter().mpint("\x80").text() == std::string("\0\0\0\x02\0\x80", 6));
}

TEST_CASE("what was written is read, and data that ends early is an error") {
  const std::string text = util::SshWriter().byte(7).number(0x80000001).string("abc").text();
  util::SshReader reader(text);
  CHECK(reader.byte() == 7);
  CHECK(reader.number() == 0x80000001);
  CHECK(reader.string() == "abc");
  CHECK(reader.at_end());
  CHECK_THROWS_AS(reader.byte(), util::Error);
  for (std::size_t length = 0; length < text.size() - 5; ++length) {
    util::SshReader cut(std::string_view(text).substr(5, length));
    CHECK_THROWS_AS(cut.string(), util::Error);
  }
  const std::string long_string("\xff\xff\xff\xff" "abc", 7);
  CHECK_THROWS_AS(util::SshReader(long_string).string(), util::Error);
}
