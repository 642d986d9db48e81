#include "util/piped_reader.h"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "util/error.h"

using util::PipedReader;

TEST_CASE("what a function writes is read, however much it is") {
  const std::string piece(100'000, 'x');
  PipedReader reader([&](util::Writer& to) {
    for (int i = 0; i < 50; ++i) to.write(util::as_bytes(piece));
  });
  CHECK(util::read_all(reader).size() == 5'000'000);
}

TEST_CASE("a function that fails makes the reader fail in place of the end") {
  PipedReader reader([](util::Writer& to) {
    to.write(util::as_bytes("half"));
    throw util::Error("no more");
  });
  std::array<std::byte, 4> half{};
  CHECK(reader.read(half) == 4);
  CHECK_THROWS_WITH_AS(util::read_all(reader), "no more", util::Error);
}

TEST_CASE("a reader that goes early ends the function") {
  bool ended = false;
  {
    PipedReader reader([&](util::Writer& to) {
      const std::string piece(1 << 20, 'x');
      try {
        for (;;) to.write(util::as_bytes(piece));
      } catch (...) {
        ended = true;
        throw;
      }
    });
    std::array<std::byte, 10> some{};
    CHECK(reader.read(some) == 10);
  }
  CHECK(ended);
}

TEST_CASE("finish tells what went wrong, but not that nobody read on") {
  PipedReader unread([](util::Writer& to) {
    const std::string piece(1 << 20, 'x');
    for (;;) to.write(util::as_bytes(piece));
  });
  CHECK_NOTHROW(unread.finish());
  PipedReader failed([](util::Writer&) { throw util::Error("broken"); });
  CHECK_THROWS_WITH_AS(failed.finish(), "broken", util::Error);
}
