#include "cache/read_ahead.h"

#include <doctest/doctest.h>

#include "util/error.h"

namespace {

/// Gives `size` bytes in pieces, then fails if it is to.
class Pieces final : public util::Reader {
 public:
  Pieces(std::size_t size, bool fails) : left_(size), fails_(fails) {}
  std::size_t read(std::span<std::byte> buffer) override {
    if (left_ == 0 && fails_) throw util::Error("broken");
    std::size_t count = std::min({buffer.size(), left_, std::size_t{1000}});
    std::fill_n(buffer.begin(), count, std::byte{7});
    left_ -= count;
    return count;
  }

 private:
  std::size_t left_;
  bool fails_;
};

}  // namespace

TEST_CASE("reading ahead gives the same bytes") {
  for (std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{512 * 1024}, std::size_t{9'000'001}}) {
    Pieces from(size, false);
    cache::ReadAhead ahead(from);
    CHECK(util::read_all(ahead) == std::string(size, '\7'));
  }
}

TEST_CASE("a failure ahead comes after the bytes before it") {
  Pieces from(700'000, true);
  cache::ReadAhead ahead(from);
  std::vector<std::byte> buffer(100'000);
  std::size_t total = 0;
  CHECK_THROWS_WITH_AS(
      [&] {
        while (std::size_t count = ahead.read(buffer)) total += count;
      }(),
      "broken", util::Error);
  CHECK(total >= 512 * 1024);
}

TEST_CASE("a reader that is left early does not hang") {
  Pieces from(100'000'000, false);
  cache::ReadAhead ahead(from);
  std::vector<std::byte> buffer(10);
  CHECK(ahead.read(buffer) == 10);
}
